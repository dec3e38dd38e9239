/// What the node calls itself in objects, associations and messages.
package enum NodeIdentity {
    /// Software version; part of every result's UIDs, so a change of it makes new objects.
    package static let version = "0.1.0"
    /// (0008,0070) of what the node makes.
    package static let manufacturer = "Overread"
    /// (0008,1090) of what the node makes.
    package static let modelName = "Overread node"
    /// (0018,1000): the installation has no number of its own yet, and the host's name is not the PACS's business.
    package static let serialNumber = "1"
    /// (0008,1010)
    package static let stationName = "OVERREAD"
}
