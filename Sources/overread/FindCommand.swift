import ArgumentParser
import Foundation
import OverreadNode

extension QueueCommand {
    struct Find: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Find a study by what the PACS calls it.",
            discussion: """
                Needs receiver.key; opens no identity, so it is not audited. Give - instead of a value to type it on \
                standard input: other users of the machine see the arguments of a command. Exit status 1 when there is none.
                """)
        @OptionGroup var folders: FolderOptions
        @OptionGroup var output: JSONOption
        @Option(help: ArgumentHelp("Accession Number, or -.", valueName: "number")) var accession: String?
        @Option(help: ArgumentHelp("Study Instance UID, or -.", valueName: "uid")) var studyUID: String?
        @Option(help: ArgumentHelp("Patient ID, or -, whoever issued it.", valueName: "id")) var patientID: String?
        @Option(help: ArgumentHelp("Only the patient of this Issuer of Patient ID.", valueName: "issuer"))
        var issuer: String?
        // Taken here and not by the parser, whose message would repeat what was typed.
        @Argument(parsing: .allUnrecognized, help: .hidden) var rest: [String] = []

        private static let usage =
            "give one of --accession, --study-uid and --patient-id with a value (or - and the value on standard input); "
            + "--issuer goes with --patient-id"

        func validate() throws {
            let given = [accession, studyUID, patientID].compactMap { $0 }
            guard given.count == 1, rest.isEmpty, issuer == nil || patientID != nil else {
                throw ValidationError(Self.usage)
            }
        }

        func run() async throws {
            let (configuration, known) = (folders.configuration, try known())
            let studies = try await onThread { try QueueReading(configuration).find(known, with: configuration) }
            if output.json {
                try output.print(studies)
            } else if studies.isEmpty {
                FileHandle.standardError.write(Data("no study is known under that value\n".utf8))
            } else {
                QueueCommand.printStudies(studies)
            }
            if studies.isEmpty { throw ExitCode(1) }
        }

        private func known() throws -> KnownIdentity {
            if let accession { return .accessionNumber(try value(accession)) }
            if let studyUID { return .studyInstanceUID(try value(studyUID)) }
            return .patient(try value(patientID ?? "-"), issuer: issuer)
        }

        private func value(_ typed: String) throws -> String {
            let text = typed == "-" ? readLine() ?? "" : typed
            let trimmed = text.trimmingCharacters(in: .whitespaces)
            guard !trimmed.isEmpty else { throw ValidationError(Self.usage) }
            return trimmed
        }
    }
}
