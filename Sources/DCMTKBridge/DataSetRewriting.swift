import CDCMTKShims
import DICOMCore

/// One element as a visitor of ``DataSet/rewrite(_:)`` sees it. `value` is valid only during the call.
package struct DataSetElement: ~Copyable {
    /// The tag.
    package let tag: Tag
    /// The VR, two letters ("UN" where DCMTK knows none).
    package let vr: String
    /// Whether the dictionary has the tag.
    package let isKnown: Bool
    /// The dictionary's VR, or DCMTK's name for a choice of some ("xs", "ox"); blanks where it does not have the tag.
    package let dictionaryVR: String
    /// 0 at the top level, 1 in an item of a sequence there, and so on.
    package let depth: Int
    /// Which item holds it: 0 for the data set itself, a number of its own for each item that the walk enters.
    package let item: Int
    /// The value as encoded, numbers in host byte order; empty for a sequence.
    package let value: UnsafeRawBufferPointer
    /// Number of items of a sequence, else 0.
    package let itemCount: Int
    /// Of a private element: who reserved its block in the same item, without trailing spaces and NULs. Empty where nobody
    /// did, and for all other elements (PS3.5 7.8.1).
    package let privateCreator: UnsafeRawBufferPointer
}

/// One item as the item visitor of ``DataSet/rewrite(items:_:)`` sees it, before its elements. Valid only during the call.
package struct DataSetItem: ~Copyable {
    /// The sequence it is in.
    package let sequence: Tag
    /// That of its elements.
    package let depth: Int
    private let item: UnsafePointer<cdcmtk_item>

    fileprivate init(_ item: UnsafePointer<cdcmtk_item>) {
        sequence = Tag(item.pointee.sequence)
        depth = Int(item.pointee.depth)
        self.item = item
    }

    /// The value of an attribute as encoded, without padding: `path` names sequences, of which the first items are entered,
    /// and at its end the attribute. Nil when it is not there.
    package func value(_ path: Tag...) -> [UInt8]? {
        let numbers = path.map(\.rawValue)
        var value: UnsafePointer<UInt8>?
        var length = 0
        guard cdcmtk_item_value(item, numbers, numbers.count, &value, &length) == CDCMTK_OK else { return nil }
        var bytes = UnsafeBufferPointer(start: value, count: length)[...]
        while let last = bytes.last, last == 0x20 || last == 0 { bytes.removeLast() }
        while bytes.first == 0x20 { bytes.removeFirst() }
        return Array(bytes)
    }
}

/// What becomes of an item.
package enum ItemAction: Equatable, Sendable {
    /// It stays; its elements are visited next.
    case keep
    /// It goes, with everything in it.
    case remove
}

/// What becomes of an element.
package enum ElementAction: Equatable, Sendable {
    /// It stays; a sequence is entered, its elements are visited next. A private creator stays if an element of its block
    /// does.
    case keep
    /// It goes, with everything in it.
    case remove
    /// It stays without a value, or without items.
    case empty
    /// It gets this value: characters as encoded, numbers in host byte order. Not for sequences.
    case replace([UInt8])
    /// A sequence is left with one empty item.
    case emptyItem
    /// The walk ends, and `rewrite` throws an error of kind `stopped`.
    case stop
}

extension DataSet {
    /// Walks all elements of all items in order, parents before children, and does what the visitor answers. After an error
    /// the data set is half changed and must be thrown away.
    package func rewrite(_ visitor: (borrowing DataSetElement) -> ElementAction) throws(DCMTKError) {
        try rewrite(items: { _ in .keep }, visitor)
    }

    /// The same; `items` is asked for each item before its elements are visited.
    package func rewrite(
        items: (borrowing DataSetItem) -> ItemAction, _ visitor: (borrowing DataSetElement) -> ElementAction
    ) throws(DCMTKError) {
        // The closures outlive the call that they are passed to, so escaping is only formal.
        try withoutActuallyEscaping(visitor) { visitor throws(DCMTKError) in
            try withoutActuallyEscaping(items) { items throws(DCMTKError) in
                let box = VisitorBox(visitor, items)
                try withExtendedLifetime(box) { () throws(DCMTKError) in
                    let context = Unmanaged.passUnretained(box).toOpaque()
                    try calling { cdcmtk_dataset_rewrite(handle, visit, visitItem, context, $0) }
                }
            }
        }
    }
}

private final class VisitorBox {
    let visitor: (borrowing DataSetElement) -> ElementAction
    let items: (borrowing DataSetItem) -> ItemAction

    init(
        _ visitor: @escaping (borrowing DataSetElement) -> ElementAction,
        _ items: @escaping (borrowing DataSetItem) -> ItemAction
    ) {
        self.visitor = visitor
        self.items = items
    }

    private static func letters(_ vr: (CChar, CChar)) -> String {
        String(decoding: [UInt8(bitPattern: vr.0), UInt8(bitPattern: vr.1)], as: UTF8.self)
    }

    func answer(_ element: cdcmtk_element, _ replacement: OpaquePointer?) -> cdcmtk_action {
        let seen = DataSetElement(
            tag: Tag(element.tag), vr: Self.letters(element.vr), isKnown: element.known != 0,
            dictionaryVR: Self.letters(element.dictionary_vr),
            depth: Int(element.depth), item: Int(element.item),
            value: UnsafeRawBufferPointer(start: element.value, count: element.length),
            itemCount: element.item_count,
            privateCreator: UnsafeRawBufferPointer(start: element.creator, count: element.creator_length))
        switch visitor(seen) {
        case .keep: return CDCMTK_KEEP
        case .remove: return CDCMTK_REMOVE
        case .empty: return CDCMTK_EMPTY
        case .emptyItem: return CDCMTK_EMPTY_ITEM
        case .stop: return CDCMTK_STOP
        case .replace(let bytes):
            cdcmtk_replacement_set(replacement, bytes, bytes.count)
            return CDCMTK_REPLACE
        }
    }
}

/// The C side holds the box only during cdcmtk_dataset_rewrite, which `rewrite` outlives.
private let visit: cdcmtk_visitor = { context, element, replacement in
    guard let context, let element else { return CDCMTK_STOP }
    return Unmanaged<VisitorBox>.fromOpaque(context).takeUnretainedValue().answer(element.pointee, replacement)
}

/// As ``visit``, for items.
private let visitItem: cdcmtk_item_visitor = { context, item in
    guard let context, let item else { return CDCMTK_STOP }
    let box = Unmanaged<VisitorBox>.fromOpaque(context).takeUnretainedValue()
    return box.items(DataSetItem(item)) == .keep ? CDCMTK_KEEP : CDCMTK_REMOVE
}
