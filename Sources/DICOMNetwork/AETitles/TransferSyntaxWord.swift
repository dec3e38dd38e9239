import DICOMCore

/// A transfer syntax as AETitles.conf names it.
enum TransferSyntaxWord: String, CaseIterable {
    case explicitVRLittleEndian = "explicit-little-endian"
    case implicitVRLittleEndian = "implicit-little-endian"
    case explicitVRBigEndian = "explicit-big-endian"
    case jpegLosslessSV1 = "jpeg-lossless-sv1"
    case jpegLossless = "jpeg-lossless"
    case jpegLSLossless = "jpeg-ls-lossless"
    case jpeg2000Lossless = "jpeg-2000-lossless"
    case rleLossless = "rle-lossless"
    case jpegBaseline = "jpeg-baseline"
    case jpegExtended = "jpeg-extended"
    case jpegLSNearLossless = "jpeg-ls-near-lossless"
    case jpeg2000 = "jpeg-2000"
    case deflatedExplicitVRLittleEndian = "deflated-explicit-little-endian"

    /// What it names.
    var transferSyntax: TransferSyntax {
        switch self {
        case .explicitVRLittleEndian: .explicitVRLittleEndian
        case .implicitVRLittleEndian: .implicitVRLittleEndian
        case .explicitVRBigEndian: .explicitVRBigEndian
        case .jpegLosslessSV1: .jpegLosslessSV1
        case .jpegLossless: .jpegLossless
        case .jpegLSLossless: .jpegLSLossless
        case .jpeg2000Lossless: .jpeg2000Lossless
        case .rleLossless: .rleLossless
        case .jpegBaseline: .jpegBaseline
        case .jpegExtended: .jpegExtended
        case .jpegLSNearLossless: .jpegLSNearLossless
        case .jpeg2000: .jpeg2000
        case .deflatedExplicitVRLittleEndian: .deflatedExplicitVRLittleEndian
        }
    }
}

extension AETitleTableReader {
    /// `transfer-syntaxes`: those that are named, in that order, and behind them the others in the node's own order. None is
    /// refused by it: which one is to be preferred is a matter of the network's speed, not of what can be read.
    mutating func transferSyntaxes(_ section: Section) -> [TransferSyntax] {
        guard let value = section.value("transfer-syntaxes"), !value.text.isEmpty else {
            return TransferSyntax.received
        }
        var preferred: [TransferSyntax] = []
        for token in value.list {
            guard let word = TransferSyntaxWord(rawValue: token.text) else {
                reportUnknown(token, "transfer-syntaxes", among: TransferSyntaxWord.allCases.map(\.rawValue))
                continue
            }
            if preferred.contains(word.transferSyntax) {
                report(token, "\"\(token.text)\" is there twice.", "Take one out.")
            }
            preferred.append(word.transferSyntax)
        }
        return preferred + TransferSyntax.received.filter { !preferred.contains($0) }
    }
}
