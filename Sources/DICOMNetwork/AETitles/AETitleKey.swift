/// A key of AETitles.conf.
struct AETitleKey {
    typealias Role = ApplicationEntity.Role

    let name: String
    let roles: [Role]
    /// Set for a key that this version knows and does not act on: the only value it may have, "off" or the like.
    let onlyValue: String?

    private init(_ name: String, _ roles: Role..., only value: String? = nil) {
        self.name = name
        self.roles = roles
        onlyValue = value
    }

    /// Every key there is, in the order in which AETitles.conf teaches them.
    static let all: [AETitleKey] = [
        AETitleKey("role", .node, .source, .destination),
        AETitleKey("port", .node, .source, .destination),
        AETitleKey("host", .source, .destination),
        AETitleKey("tls-port", .node),
        AETitleKey("tls-certificate", .node),
        AETitleKey("tls-key", .node),
        AETitleKey("tls-trust", .node),
        AETitleKey("language", .node, .destination),
        AETitleKey("max-associations", .node, .source),
        AETitleKey("max-waiting", .node),
        AETitleKey("disk-reserve", .node),
        AETitleKey("quiet", .source),
        AETitleKey("complete-on", .source),
        AETitleKey("results", .source),
        AETitleKey("archive", .source),
        AETitleKey("commitment-requests", .source),
        AETitleKey("commitment-wait", .source),
        AETitleKey("models", .source),
        AETitleKey("profile", .source),
        AETitleKey("pixels", .source),
        AETitleKey("out-of-scope", .source),
        AETitleKey("other-objects", .source),
        AETitleKey("duplicates", .source),
        AETitleKey("identity-correction", .source),
        AETitleKey("priority", .source),
        AETitleKey("max-age", .source),
        AETitleKey("hold", .node, .source),
        AETitleKey("transfer-syntaxes", .source),
        AETitleKey("tls", .source, .destination),
        AETitleKey("client-certificate", .source),
        AETitleKey("sr", .destination),
        AETitleKey("heatmap", .destination),
        AETitleKey("retry", .destination),
        AETitleKey("parallel", .destination),
        AETitleKey("companions", .destination, only: "off"),
        AETitleKey("commitment", .destination, only: "off"),
        AETitleKey("recheck-identity", .destination, only: "off"),
    ]

    static func named(_ name: String) -> AETitleKey? { all.first { $0.name == name } }
}
