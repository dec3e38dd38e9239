/// One thing that is wrong in AETitles.conf, and where.
package struct AETitleDiagnostic: Hashable, Sendable, CustomStringConvertible {
    /// The file as the operator named it.
    package let file: String
    /// From 1.
    package let line: Int
    /// From 1, in characters.
    package let column: Int
    /// A sentence.
    package let message: String
    /// What to do, a sentence.
    package let suggestion: String?

    /// "AETitles.conf:12:9: error: The port is not a number. Write a number from 1 to 65535."
    package var description: String {
        "\(file):\(line):\(column): error: \(message)" + (suggestion.map { " \($0)" } ?? "")
    }
}

/// All that is wrong in AETitles.conf, in the order of the file. Never empty.
package struct AETitleTableError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Sorted by line and column.
    package let diagnostics: [AETitleDiagnostic]

    /// One diagnostic a line.
    package var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}

/// The word of `candidates` that was probably meant, if one is near enough: at most one edit in three characters, a swap of
/// neighbours being one.
func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
    let written = Array(word.lowercased())
    let near = candidates.map { (word: $0, distance: editDistance(written, Array($0.lowercased()))) }
        .min { ($0.distance, $0.word) < ($1.distance, $1.word) }
    guard let near, near.distance <= max(1, max(written.count, near.word.count) / 3) else { return nil }
    return near.word
}

/// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
private func editDistance(_ a: [Character], _ b: [Character]) -> Int {
    var rows = [Array(0...b.count)]
    for i in 0..<a.count {
        var row = [i + 1]
        for j in 0..<b.count {
            var best = min(rows[i][j] + (a[i] == b[j] ? 0 : 1), rows[i][j + 1] + 1, row[j] + 1)
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, rows[i - 1][j - 1] + 1) }
            row.append(best)
        }
        rows.append(row)
    }
    return rows[a.count][b.count]
}
