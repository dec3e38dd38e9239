import CDCMTKShims
import DICOMCore

/// A data set in memory (PS3.5 7), without pixel data as a rule. Owns DCMTK's object and frees it when it goes.
///
/// One owner, one thread at a time; to hand it to another thread, move it.
package struct DataSet: ~Copyable {
    let handle: OpaquePointer

    init(owning handle: OpaquePointer) { self.handle = handle }

    /// An empty data set.
    package init() throws(DCMTKError) {
        self.handle = try DataSet.made { cdcmtk_dataset_create($0, $1) }
    }

    /// Parses a whole data set without file meta information.
    ///
    /// DCMTK's parser recurses, so bytes from a peer must have passed ``DataSetPreParser`` first.
    /// - Throws: ``DCMTKError`` when bytes are missing, left over, or make no sense.
    package init(parsing bytes: UnsafeRawBufferPointer, transferSyntax: TransferSyntax) throws(DCMTKError) {
        self.handle = try DataSet.made { out, error in
            cdcmtk_dataset_parse(
                bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count, transferSyntax.uid, out, error)
        }
    }

    /// Parses a whole data set without file meta information, from an array.
    package init(parsing bytes: [UInt8], transferSyntax: TransferSyntax) throws(DCMTKError) {
        self.handle = try DataSet.made { out, error in
            cdcmtk_dataset_parse(bytes, bytes.count, transferSyntax.uid, out, error)
        }
    }

    deinit { cdcmtk_dataset_destroy(handle) }

    /// A deep copy.
    package func copy() throws(DCMTKError) -> DataSet {
        DataSet(owning: try DataSet.made { cdcmtk_dataset_copy(handle, $0, $1) })
    }

    /// Encodes the data set, explicit lengths, no group lengths, no padding. May convert VR and byte order, not the pixel
    /// encoding.
    package func encoded(as transferSyntax: TransferSyntax) throws(DCMTKError) -> [UInt8] {
        var bytes: [UInt8] = []
        try withUnsafeMutablePointer(to: &bytes) { target throws(DCMTKError) in
            try calling { cdcmtk_dataset_write(handle, transferSyntax.uid, appendToArray, target, $0) }
        }
        return bytes
    }

    // MARK: Reading

    /// Whether the attribute is there, empty or not.
    package func contains(_ tag: Tag) -> Bool { multiplicity(tag) != nil }

    /// Number of values; nil when absent, 0 when empty.
    package func multiplicity(_ tag: Tag) -> Int? {
        var count = 0
        return cdcmtk_dataset_multiplicity(handle, tag.rawValue, &count, nil) == CDCMTK_OK ? count : nil
    }

    /// The VR, two letters; nil when absent.
    package func vr(_ tag: Tag) -> String? {
        var letters: (CChar, CChar) = (0, 0)
        let status = withUnsafeMutableBytes(of: &letters) { buffer in
            cdcmtk_dataset_vr(handle, tag.rawValue, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), nil)
        }
        guard status == CDCMTK_OK else { return nil }
        return String(decoding: [UInt8(bitPattern: letters.0), UInt8(bitPattern: letters.1)], as: UTF8.self)
    }

    /// The value as encoded: characters with padding, numbers in host byte order. Nil when absent; empty for sequences.
    package func bytes(_ tag: Tag) -> [UInt8]? {
        var bytes: [UInt8] = []
        let status = withUnsafeMutablePointer(to: &bytes) { target in
            cdcmtk_dataset_get_bytes(handle, tag.rawValue, appendToArray, target, nil)
        }
        return status == CDCMTK_OK ? bytes : nil
    }

    /// All values with backslashes, padding taken off at both ends. Decoded as UTF-8, and as Latin-1 where that fails: for
    /// text outside ASCII call ``convertToUTF8()`` first. Nil when absent.
    package func string(_ tag: Tag) -> String? { bytes(tag).map(DataSet.text) }

    /// The values of a string attribute, each without padding; empty when absent or empty.
    package func strings(_ tag: Tag) -> [String] {
        guard let bytes = bytes(tag), !bytes.isEmpty else { return [] }
        return bytes.split(separator: 0x5C, omittingEmptySubsequences: false).map { DataSet.text(Array($0)) }
    }

    /// A value of a numeric attribute (binary, DS or IS); nil when absent, empty or not a finite number.
    package func number(_ tag: Tag, at index: Int = 0) -> Double? {
        var value = 0.0
        guard index >= 0, cdcmtk_dataset_get_double(handle, tag.rawValue, index, &value, nil) == CDCMTK_OK else {
            return nil
        }
        return value
    }

    // MARK: Writing

    /// Sets a string attribute with the dictionary's VR (backslash between values), replacing what is there. Lengths and
    /// repertoire are the caller's to check.
    package func set(_ tag: Tag, _ value: String) throws(DCMTKError) {
        let characters = value.utf8.map { CChar(bitPattern: $0) }
        try calling { cdcmtk_dataset_put_string(handle, tag.rawValue, characters, characters.count, $0) }
    }

    /// Sets an attribute with a given VR from raw bytes: characters as they are, numbers in host byte order.
    package func set(_ tag: Tag, vr: String, bytes: [UInt8]) throws(DCMTKError) {
        try calling { cdcmtk_dataset_put_bytes(handle, tag.rawValue, vr, bytes, bytes.count, $0) }
    }

    /// Sets US, SS, UL, SL, FL or FD values, by the dictionary's VR.
    package func set(_ tag: Tag, numbers: [Double]) throws(DCMTKError) {
        try calling { cdcmtk_dataset_put_numbers(handle, tag.rawValue, numbers, numbers.count, $0) }
    }

    /// Removes an attribute of the top level if it is there.
    package func remove(_ tag: Tag) throws(DCMTKError) {
        try calling { cdcmtk_dataset_remove(handle, tag.rawValue, $0) }
    }

    // MARK: Sequences

    /// Number of items; 0 when absent or not a sequence.
    package func itemCount(_ tag: Tag) -> Int {
        var count = 0
        return cdcmtk_dataset_item_count(handle, tag.rawValue, &count, nil) == CDCMTK_OK ? count : 0
    }

    /// A deep copy of an item.
    package func item(_ tag: Tag, at index: Int) throws(DCMTKError) -> DataSet {
        DataSet(owning: try DataSet.made { cdcmtk_dataset_get_item(handle, tag.rawValue, index, $0, $1) })
    }

    /// Appends a deep copy of `item` to a sequence, which is made if it is not there.
    package func append(_ item: borrowing DataSet, to tag: Tag) throws(DCMTKError) {
        let itemHandle = item.handle
        try calling { cdcmtk_dataset_append_item(handle, tag.rawValue, itemHandle, $0) }
    }

    /// Makes the sequence if it is not there; a new one has no item.
    package func setEmptySequence(_ tag: Tag) throws(DCMTKError) {
        try calling { cdcmtk_dataset_append_item(handle, tag.rawValue, nil, $0) }
    }

    /// Copies the named attributes, where present, into `target`, replacing what is there.
    package func copyAttributes(_ tags: [Tag], to target: borrowing DataSet) throws(DCMTKError) {
        let numbers = tags.map(\.rawValue)
        let targetHandle = target.handle
        try calling { cdcmtk_dataset_copy_attributes(handle, numbers, numbers.count, targetHandle, $0) }
    }

    // MARK: Plumbing

    private static func made(
        _ make: (UnsafeMutablePointer<OpaquePointer?>, UnsafeMutablePointer<cdcmtk_error>) -> cdcmtk_status
    ) throws(DCMTKError) -> OpaquePointer {
        var handle: OpaquePointer?
        try calling { make(&handle, $0) }
        guard let handle else { throw DCMTKError(status: CDCMTK_FAILED, error: cdcmtk_error()) }
        return handle
    }

    private static func text(_ bytes: [UInt8]) -> String {
        var value = bytes[...]
        while let last = value.last, last == 0x20 || last == 0 { value.removeLast() }
        while value.first == 0x20 { value.removeFirst() }
        return String(validating: value, as: UTF8.self)
            ?? String(String.UnicodeScalarView(value.map { Unicode.Scalar($0) }))
    }
}

/// A sink of the C ABI: `context` is the array to append to, alive during the call that the sink was given to.
private let appendToArray: cdcmtk_sink = { context, bytes, length in
    guard let context else { return 1 }
    context.assumingMemoryBound(to: [UInt8].self).pointee.append(
        contentsOf: UnsafeBufferPointer(start: bytes, count: length))
    return 0
}
