import DCMTKBridge
import DICOMCore

/// What is known of an item, for the elements in it.
struct ItemScope: Sendable {
    /// Which kind of cleaning the item is part of; items inherit it from the sequence around them.
    enum Cleaning: Sendable {
        /// None.
        case none
        /// Clean Descriptors: codes of public schemes stay, text keeps its harmless words.
        case descriptors
        /// Clean Structured Content: content items by table E.3.4-1.
        case structuredContent
        /// Clean Graphics: shapes stay, text keeps its harmless words.
        case graphics
    }

    /// What becomes of the value of a content item.
    enum ContentValue: Sendable {
        /// The item is no content item, or its value is left to the rules for all attributes.
        case unnamed
        /// The value stays.
        case keep
        /// The value is a dummy.
        case dummy
        /// Of text the harmless words.
        case words
    }

    var cleaning = Cleaning.none
    var content = ContentValue.unnamed
    /// Whether it is the content item of an age that stays.
    var isAge = false
    /// Set in the items of such an age's value.
    var age: Age?
    /// Whether it holds a code of a published vocabulary.
    var isPublicCode = false

    /// The value of an age.
    struct Age: Sendable {
        /// From which on all are one, in the value's unit; nil where the unit is not known.
        let oldest: Int?
    }
}

/// The scopes of the items from the top level down to the element that is visited.
struct ItemScopes: Sendable {
    /// By depth; the first is the top level's.
    private var items = [ItemScope()]
    /// By depth of the sequence that was entered last there: what its items inherit.
    private var sequences: [ItemScope] = []

    /// The scope of elements at a depth.
    subscript(depth: Int) -> ItemScope { depth < items.count ? items[depth] : ItemScope() }

    /// A sequence at `depth` is entered.
    mutating func enter(at depth: Int, _ inherited: ItemScope) {
        sequences.removeSubrange(min(depth, sequences.count)...)
        while sequences.count < depth { sequences.append(ItemScope()) }
        sequences.append(inherited)
    }

    /// What an item whose elements are at `depth` inherits.
    func inherited(at depth: Int) -> ItemScope {
        depth >= 1 && depth <= sequences.count ? sequences[depth - 1] : ItemScope()
    }

    /// An item whose elements are at `depth` is entered.
    mutating func begin(at depth: Int, _ scope: ItemScope) {
        items.removeSubrange(min(depth, items.count)...)
        while items.count < depth { items.append(ItemScope()) }
        items.append(scope)
    }
}
