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
}

/// What becomes of an element.
package enum ElementAction: Equatable, Sendable {
    /// It stays; a sequence is entered, its elements are visited next.
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
        // The closure outlives the call that it is passed to, so escaping is only formal.
        try withoutActuallyEscaping(visitor) { visitor throws(DCMTKError) in
            let box = VisitorBox(visitor)
            try withExtendedLifetime(box) { () throws(DCMTKError) in
                try calling { cdcmtk_dataset_rewrite(handle, visit, Unmanaged.passUnretained(box).toOpaque(), $0) }
            }
        }
    }
}

private final class VisitorBox {
    let visitor: (borrowing DataSetElement) -> ElementAction
    init(_ visitor: @escaping (borrowing DataSetElement) -> ElementAction) { self.visitor = visitor }

    private static func letters(_ vr: (CChar, CChar)) -> String {
        String(decoding: [UInt8(bitPattern: vr.0), UInt8(bitPattern: vr.1)], as: UTF8.self)
    }

    func answer(_ element: cdcmtk_element, _ replacement: OpaquePointer?) -> cdcmtk_action {
        let seen = DataSetElement(
            tag: Tag(element.tag), vr: Self.letters(element.vr), isKnown: element.known != 0,
            dictionaryVR: Self.letters(element.dictionary_vr),
            depth: Int(element.depth), item: Int(element.item),
            value: UnsafeRawBufferPointer(start: element.value, count: element.length),
            itemCount: element.item_count)
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
