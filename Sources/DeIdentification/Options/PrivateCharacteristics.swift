import DCMTKBridge
import DICOMCore

/// What the sender itself says of its private elements: (0008,0300) Private Data Element Characteristics Sequence (PS3.3
/// C.12.1.1.7). It can only take away from what table E.3.10-1 calls safe, never add to it.
struct PrivateCharacteristics: Sendable {
    private struct Block: Sendable {
        let group: UInt16
        let creator: [UInt8]
        /// (0008,0303): SAFE, UNSAFE or MIXED.
        let status: String
        /// Low bytes of elements that do not identify.
        let nonidentifying: Set<UInt8>
        /// Low bytes of elements that do, other than UIDs that are to be replaced, as all are.
        let identifying: Set<UInt8>
    }

    private var blocks: [Block] = []

    init() {}

    init(of header: borrowing DataSet) throws(DCMTKError) {
        for index in 0..<header.itemCount(.privateDataElementCharacteristicsSequence) {
            let item = try header.item(.privateDataElementCharacteristicsSequence, at: index)
            var identifying: Set<UInt8> = []
            for index in 0..<item.itemCount(.deidentificationActionSequence) {
                let action = try item.item(.deidentificationActionSequence, at: index)
                if action.string(.deidentificationAction) == "U" { continue }
                identifying.formUnion(Self.lowBytes(action, .identifyingPrivateElements))
            }
            blocks.append(
                Block(
                    group: UInt16(clamping: Int(item.number(.privateGroupReference) ?? 0)),
                    creator: Array((item.bytes(.privateCreatorReference) ?? []).trimmedPadding),
                    status: item.string(.blockIdentifyingInformationStatus) ?? "",
                    nonidentifying: Self.lowBytes(item, .nonidentifyingPrivateElements), identifying: identifying))
        }
    }

    /// Whether the sender does not say that an element identifies.
    func allows(_ tag: Tag, creator: some Collection<UInt8>) -> Bool {
        let low = UInt8(truncatingIfNeeded: tag.element)
        return blocks.allSatisfy { block in
            guard block.group == tag.group, block.creator.elementsEqual(creator) else { return true }
            if block.identifying.contains(low) { return false }
            return block.status == "SAFE" || block.nonidentifying.contains(low)
        }
    }

    private static func lowBytes(_ item: borrowing DataSet, _ tag: Tag) -> Set<UInt8> {
        var bytes: Set<UInt8> = []
        for index in 0..<(item.multiplicity(tag) ?? 0) {
            if let number = item.number(tag, at: index) { bytes.insert(UInt8(truncatingIfNeeded: Int(number))) }
        }
        return bytes
    }
}
