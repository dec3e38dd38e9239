import DCMTKBridge
import DICOMCore
import DeIdentification
import Foundation

/// How well patients of a de-identified folder hide among one another: equivalence classes over what remains of them that
/// somebody else may know (PS3.15 E.1 leaves re-identification risk to whoever releases the data).
///
/// The unit is the patient. Two are in one class when the sets of values of all their instances are equal.
package struct KAnonymityReport: Codable, Sendable {
    /// An attribute that is compared.
    package struct QuasiIdentifier: Sendable {
        let keyword: String
        let tag: Tag
    }

    /// Patients that cannot be told apart.
    package struct EquivalenceClass: Codable, Sendable {
        /// How many.
        package let patients: Int
        /// Values by keyword, one entry for each combination that occurs in their instances; absent ones are left out.
        package let values: [[String: String]]
    }

    /// Keywords of what is compared.
    package let quasiIdentifiers: [String]
    /// Patient IDs.
    package let patients: Int
    /// Files read.
    package let instances: Int
    /// Files that are no de-identified instances, and are left out.
    package let leftOut: Int
    /// Size of the smallest class; 0 without patients.
    package let smallestK: Int
    /// Smallest first.
    package let classes: [EquivalenceClass]

    private static let compared: [QuasiIdentifier] = [
        QuasiIdentifier(keyword: "ManufacturerModelName", tag: Tag(0x0008, 0x1090)),
        QuasiIdentifier(keyword: "KVP", tag: Tag(0x0018, 0x0060)),
        QuasiIdentifier(keyword: "SliceThickness", tag: Tag(0x0018, 0x0050)),
        QuasiIdentifier(keyword: "PatientAge", tag: Tag(0x0010, 0x1010)),
        QuasiIdentifier(keyword: "PatientSex", tag: Tag(0x0010, 0x0040)),
    ]
    private static let patientID = Tag(0x0010, 0x0020)
    private static let patientIdentityRemoved = Tag(0x0012, 0x0062)

    /// Reads the headers of all files of a folder and its folders.
    @available(*, noasync, message: "blocks: call it from a thread")
    package init(folder: String) throws {
        try DCMTKRuntime.initialize(adding: DictionarySupplement2026d.entries)
        guard let paths = FileManager.default.enumerator(atPath: folder)?.compactMap({ $0 as? String }) else {
            throw FolderError("\(folder) cannot be listed")
        }
        var patients: [String: Set<[String: String]>] = [:]
        var (read, leftOut) = (0, 0)
        for path in paths {
            let path = "\(folder)/\(path)"
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue else {
                continue
            }
            guard let (patient, values) = Self.read(path) else {
                leftOut += 1
                continue
            }
            read += 1
            patients[patient, default: []].insert(values)
        }
        self.init(patients: patients, instances: read, leftOut: leftOut)
    }

    /// The classes of patients, each with the combinations of values that its instances have.
    init(patients: [String: Set<[String: String]>], instances: Int, leftOut: Int) {
        var sizes: [Set<[String: String]>: Int] = [:]
        for values in patients.values { sizes[values, default: 0] += 1 }
        classes = sizes.map { values, size in
            EquivalenceClass(patients: size, values: values.sorted { Self.text($0) < Self.text($1) })
        }.sorted { ($0.patients, Self.text($0)) < ($1.patients, Self.text($1)) }
        quasiIdentifiers = Self.compared.map(\.keyword)
        self.patients = patients.count
        self.instances = instances
        self.leftOut = leftOut
        smallestK = classes.first?.patients ?? 0
    }

    private static func read(_ path: String) -> (patient: String, values: [String: String])? {
        guard let file = try? Data(contentsOf: URL(filePath: path), options: .mappedIfSafe) else { return nil }
        return file.withUnsafeBytes { bytes in
            guard let location = try? PixelDataLocation(parsing: bytes),
                let header = try? DataSet(
                    parsing: Array(bytes[location.header]), transferSyntax: location.meta.transferSyntax),
                header.string(patientIdentityRemoved) == "YES", let patient = header.string(patientID),
                !patient.isEmpty,
                let values = try? values(of: header)
            else { return nil }
            return (patient, values)
        }
    }

    /// At any depth: enhanced objects have some of them in functional groups.
    private static func values(of header: borrowing DataSet) throws(DCMTKError) -> [String: String] {
        var found: [String: Set<String>] = [:]
        try header.rewrite { element in
            guard let attribute = compared.first(where: { $0.tag == element.tag }), !element.value.isEmpty else {
                return .keep
            }
            let value = String(decoding: element.value, as: UTF8.self).trimmingCharacters(in: .whitespaces)
            if !value.isEmpty { found[attribute.keyword, default: []].insert(value) }
            return .keep
        }
        return found.mapValues { $0.sorted().joined(separator: "\\") }
    }

    // MARK: As text

    private static func text(_ values: [String: String]) -> String {
        let parts = compared.compactMap { attribute in values[attribute.keyword].map { "\(attribute.keyword)=\($0)" } }
        return parts.isEmpty ? "(none)" : parts.joined(separator: ", ")
    }

    private static func text(_ one: EquivalenceClass) -> String { one.values.map(text).joined(separator: "; ") }

    /// For people: the smallest k, then each class.
    package var text: String {
        var lines = [
            "k-anonymity: \(patients) patients in \(instances) instances, \(classes.count) equivalence classes, smallest k = \(smallestK)",
            "compared: \(quasiIdentifiers.joined(separator: ", "))",
        ]
        if leftOut > 0 { lines.append("left out: \(leftOut) files that are no de-identified instances") }
        lines += classes.map { "  k = \($0.patients): \(Self.text($0))" }
        return lines.joined(separator: "\n")
    }
}
