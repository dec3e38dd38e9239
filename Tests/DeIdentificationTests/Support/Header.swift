import DCMTKBridge
import DICOMCore

/// DICOM's tag; Testing has a Tag too.
typealias Tag = DICOMCore.Tag

/// A data set that `#expect` can look into: its macro copies what it looks at, and a DataSet cannot be copied.
final class Header {
    let dataSet: DataSet

    init(_ dataSet: consuming DataSet) { self.dataSet = dataSet }

    func contains(_ tag: Tag) -> Bool { dataSet.contains(tag) }
    func multiplicity(_ tag: Tag) -> Int? { dataSet.multiplicity(tag) }
    func bytes(_ tag: Tag) -> [UInt8]? { dataSet.bytes(tag) }
    func string(_ tag: Tag) -> String? { dataSet.string(tag) }
    func strings(_ tag: Tag) -> [String] { dataSet.strings(tag) }
    func number(_ tag: Tag, at index: Int = 0) -> Double? { dataSet.number(tag, at: index) }
    func itemCount(_ tag: Tag) -> Int { dataSet.itemCount(tag) }
    func item(_ tag: Tag, at index: Int) throws -> Header { Header(try dataSet.item(tag, at: index)) }
}
