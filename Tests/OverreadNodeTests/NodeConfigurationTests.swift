import Foundation
import NodeTestSupport
import OverreadNode
import Testing

@Suite struct NodeConfigurationTests {
    @Test func aFlagWinsOverTheEnvironmentAndThatOverTheDefault() {
        let environment = ["OVERREAD_DATA": "/from/environment", "OVERREAD_MODELS": "/models/from/environment"]
        let configuration = NodeConfiguration(flags: .init(data: "/from/flag"), environment: environment)
        #expect(configuration.dataFolder == "/from/flag")
        #expect(configuration.modelsFolder == "/models/from/environment")
        #expect(NodeConfiguration(environment: environment).dataFolder == "/from/environment")
    }

    @Test func theKeyFolderIsBesideTheDataFolderNotInIt() {
        let configuration = NodeConfiguration(flags: .init(data: "/var/lib/overread"), environment: [:])
        #expect(configuration.keysFolder == "/var/lib/overread.keys")
        #expect(configuration.databasePath.hasPrefix("/var/lib/overread/"))
    }

    @Test func relativeFoldersAreTakenFromTheWorkingFolder() {
        let configuration = NodeConfiguration(flags: .init(data: "here"), environment: [:])
        #expect(configuration.dataFolder == FileManager.default.currentDirectoryPath + "/here")
    }
}

@Suite struct DataFolderLockTests {
    @Test func aSecondNodeOnTheSameFolderIsRefusedUntilTheFirstIsGone() throws {
        let folder = try TemporaryFolder()
        let configuration = NodeConfiguration(flags: .init(data: folder.path("data")), environment: [:])
        do {
            let first = try DataFolderLock(configuration)
            try withExtendedLifetime(first) {
                let error = try #require(throws: NodeError.self) { try DataFolderLock(configuration) }
                #expect("\(error)".contains("another node is running"))
            }
        }
        _ = try DataFolderLock(configuration)
    }
}
