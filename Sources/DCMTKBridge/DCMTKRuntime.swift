import CDCMTK
import CDCMTKShims
import DICOMCore
import Synchronization

/// DCMTK's process-wide state.
package enum DCMTKRuntime {
    /// An attribute that DCMTK's dictionary may lack.
    package struct DictionaryEntry: Sendable {
        /// The tag.
        package let tag: Tag
        /// The VR, two letters.
        package let vr: String
        /// The keyword of PS3.6.
        package let keyword: String

        /// An entry; `vr` must be one of the 34.
        package init(tag: Tag, vr: String, keyword: String) {
            self.tag = tag
            self.vr = vr
            self.keyword = keyword
        }
    }

    private static let initialized = Mutex(false)

    /// The version of DCMTK that the node was built with, as 367 for 3.6.7.
    package static var version: Int { Int(cdcmtk_version_number) }

    /// Sets DCMTK's globals, once in a process, and adds attributes that its dictionary lacks, at every call. Call it before
    /// anything that uses DCMTK; attributes that are added later are known to what is parsed after that (DCMTK guards its
    /// dictionary with a lock).
    ///
    /// - Throws: ``DCMTKError`` of kind `notFound` when DCMTK's data dictionary is missing (package dcmtk-data, or
    ///   DCMDICTPATH pointing nowhere).
    package static func initialize(adding entries: [DictionaryEntry] = []) throws(DCMTKError) {
        try initialized.withLock { done throws(DCMTKError) in
            if !done { try calling { cdcmtk_runtime_initialize($0) } }
            done = true
            for entry in entries where cdcmtk_dictionary_knows(entry.tag.rawValue) == 0 {
                try calling { error in cdcmtk_dictionary_add(entry.tag.rawValue, entry.vr, entry.keyword, error) }
            }
        }
    }

    /// Whether the dictionary has the attribute.
    package static func dictionaryKnows(_ tag: Tag) -> Bool { cdcmtk_dictionary_knows(tag.rawValue) != 0 }

    /// The name of a registered UID as DCMTK knows it, e.g. "CTImageStorage"; nil for others.
    package static func name(ofUID uid: UID) -> String? {
        var name = [CChar](repeating: 0, count: 128)
        guard cdcmtk_uid_name(uid.value, &name, name.count, nil) == CDCMTK_OK else { return nil }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
