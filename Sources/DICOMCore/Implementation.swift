/// How the node names itself to peers and in file meta information (PS3.7 D.3.3.2, PS3.10 7.1).
package enum Implementation {
    /// Implementation Class UID: the same for every version of this node's network code.
    package static let classUID = "2.25.255448089649229387162497092876032385132"
    /// Implementation Version Name, at most 16 characters.
    package static let versionName = "OVERREAD_0_1"
}
