/// The open items and sequences of ``DataSetPreParser``: what may follow, where each ends, and what the whole costs.
struct PreParserNesting {
    private enum Kind {
        case dataSet
        case sequence
        case item
        /// The value of encapsulated Pixel Data.
        case fragments
    }

    /// The data set, or an open sequence, item or pixel data.
    private struct Level {
        var kind: Kind
        var form: PreParserHeader.Form
        /// Offset behind the last byte; `.max` where a delimiter ends it.
        var end: UInt64
        /// The lowest end of this level and those around it.
        var bound: UInt64
        /// The element that is, or holds, this level.
        var tag: UInt32
        /// Index of the innermost level, this one included, that is a sequence only by its looks; -1 without.
        var speculation: Int
        /// Where this level's tags begin in `seen`.
        var firstSeen: Int
        var highestTag: UInt32 = 0
    }

    /// Where the next byte belongs.
    private(set) var part = DataSetPreParser.Part.header
    /// The first value that looks like a sequence and is a damaged one.
    private(set) var ambiguity: PreParseError?

    private let limits: DataSetPreParser.Limits
    private var levels: [Level]
    /// Tags of the elements of the open data set and items, level after level.
    private var seen: [UInt32] = []
    private var elementCount = 0
    private var outOfOrderCount = 0
    private var latestTag: UInt32?
    private var pixelDataStart: UInt64 = 0
    private var pixelDataBytes: UInt64 = 0
    /// Bytes of a value that is too short for an item tag of its own, little endian.
    private var shortValue: UInt32 = 0
    private var shortValueCount: UInt32 = 0
    private var shortValueRemaining = 0
    /// A duplicate inside a level that is a sequence only by its looks: thrown when that level ends well.
    private var pendingDuplicate: (error: PreParseError, speculation: Int)?

    init(transferSyntax: TransferSyntax, limits: DataSetPreParser.Limits) {
        self.limits = limits
        let form = PreParserHeader.Form(
            isExplicitVR: transferSyntax.isExplicitVR, isBigEndian: transferSyntax.isBigEndian)
        levels = [
            Level(kind: .dataSet, form: form, end: .max, bound: .max, tag: 0, speculation: -1, firstSeen: 0)
        ]
        levels.reserveCapacity(16)
        seen.reserveCapacity(256)
    }

    /// Whether no item or sequence is open.
    var isAtTopLevel: Bool { levels.count == 1 }
    /// The element read last.
    var currentTag: Tag? { latestTag.map { Tag($0) } }
    /// How to read the next header.
    var headerForm: PreParserHeader.Form {
        let top = levels[levels.count - 1]
        return switch top.kind {
        case .dataSet, .item: top.form
        case .sequence, .fragments: PreParserHeader.Form(isExplicitVR: false, isBigEndian: top.form.isBigEndian)
        }
    }

    // MARK: Opening

    /// Accounts for a header at `offset` that is not that of the top level's Pixel Data, and says what follows it.
    mutating func open(_ header: PreParserHeader, at offset: UInt64) throws -> DataSetPreParser.State {
        noteHeader(header, at: offset)
        let top = levels[levels.count - 1]
        let start = offset + UInt64(header.size)
        guard start <= top.bound else { return try fault(.lengthOverflow, header, at: offset) }
        try charge(header, at: offset)
        switch top.kind {
        case .dataSet, .item: return try openElement(header, at: offset, in: top)
        case .sequence: return try openItem(header, at: offset, in: top)
        case .fragments: return try openFragment(header, at: offset, in: top)
        }
    }

    /// The same for (7FE0,0010) of the top level.
    mutating func openPixelData(
        _ header: PreParserHeader, at offset: UInt64, isEncapsulated: Bool
    ) throws -> DataSetPreParser.State {
        noteHeader(header, at: offset)
        try charge(header, at: offset)
        latestTag = header.tag
        try checkOrder(header, at: offset)
        let vr = header.vr ?? .ow
        guard !header.hasInvalidVR, vr == .ob || vr == .ow || vr == .un else { throw error(.invalidVR, header, offset) }
        guard header.length == 0 || header.hasUndefinedLength == isEncapsulated, !header.hasUndefinedLength || vr != .un
        else { throw error(.pixelDataEncoding, header, offset) }
        part = .pixelData
        pixelDataStart = offset + UInt64(header.size)
        guard header.hasUndefinedLength else { return .value(remaining: UInt64(header.length)) }
        push(.fragments, header.tag, end: .max)
        return .elementHeader
    }

    /// Looks at the start of a value of four bytes or more in implicit VR or UN: is it a sequence?
    mutating func openValue(
        length: UInt32, startingWith start: UInt32, at offset: UInt64
    ) throws -> DataSetPreParser.State {
        // In little endian "FE FF 00 E0" is an item tag, and "FE FF DD E0" ends a sequence before it began.
        if start == 0xE000_FFFE, length >= 8 {
            try checkDepth(at: offset)
            push(
                .sequence, latestTag ?? 0, end: offset + UInt64(length), form: .implicitLittleEndian,
                isSpeculative: true)
            return .elementHeader
        }
        if start == 0xE000_FFFE || start == 0xE0DD_FFFE { noteAmbiguity(latestTag ?? 0, at: offset) }
        return .value(remaining: UInt64(length))
    }

    private mutating func openElement(
        _ header: PreParserHeader, at offset: UInt64, in top: Level
    ) throws -> DataSetPreParser.State {
        if header.group == 0xFFFE {
            guard header.tag == PreParserHeader.itemDelimitation, top.kind == .item, top.end == .max, header.length == 0
            else { return try fault(.unexpectedDelimiter, header, at: offset) }
            try pop()
            return .elementHeader
        }
        latestTag = header.tag
        guard !PreParserNesting.isForbidden(header.group) else { return try fault(.forbiddenGroup, header, at: offset) }
        guard !header.hasInvalidVR else { return try fault(.invalidVR, header, at: offset) }
        guard try checkOrder(header, at: offset) else { return try fault(.tagOutOfOrder, header, at: offset) }
        if header.hasUndefinedLength { return try openUndefinedLength(header, at: offset, in: top) }

        let end = offset + UInt64(header.size) + UInt64(header.length)
        guard end <= top.bound else { return try fault(.lengthOverflow, header, at: offset) }
        guard end - pixelDataBytes <= limits.headerBytes else { throw error(.headerTooLarge, header, offset) }
        if header.vr == .sq {
            try checkDepth(at: offset)
            push(.sequence, header.tag, end: end)
            return .elementHeader
        }
        guard header.vr == nil || header.vr == .un, header.tag != PreParserHeader.pixelData, header.length > 0 else {
            return .value(remaining: UInt64(header.length))
        }
        if header.length >= 4 { return .valueStart(length: header.length) }
        (shortValue, shortValueCount, shortValueRemaining) = (0, 0, Int(header.length))
        return .value(remaining: UInt64(header.length))
    }

    private mutating func openUndefinedLength(
        _ header: PreParserHeader, at offset: UInt64, in top: Level
    ) throws -> DataSetPreParser.State {
        switch header.vr {
        case .sq?, .un?, nil:
            if header.vr == nil, header.tag == PreParserHeader.pixelData { break }
            try checkDepth(at: offset)
            push(.sequence, header.tag, end: .max, form: header.vr == .un ? .implicitLittleEndian : top.form)
            return .elementHeader
        case .ob?, .ow?:
            guard header.tag == PreParserHeader.pixelData else { fallthrough }
        default:
            return try fault(.undefinedLength, header, at: offset)
        }
        // An icon may be encapsulated inside the header.
        push(.fragments, header.tag, end: .max)
        return .elementHeader
    }

    private mutating func openItem(
        _ header: PreParserHeader, at offset: UInt64, in top: Level
    ) throws -> DataSetPreParser.State {
        switch header.tag {
        case PreParserHeader.item:
            guard !header.hasUndefinedLength else {
                push(.item, top.tag, end: .max)
                return .elementHeader
            }
            let end = offset + UInt64(header.size) + UInt64(header.length)
            guard end <= top.bound else { return try fault(.lengthOverflow, header, at: offset) }
            push(.item, top.tag, end: end)
            return .elementHeader
        case PreParserHeader.sequenceDelimitation where top.end == .max && header.length == 0:
            try pop()
            return .elementHeader
        default:
            return try fault(.unexpectedDelimiter, header, at: offset)
        }
    }

    private mutating func openFragment(
        _ header: PreParserHeader, at offset: UInt64, in top: Level
    ) throws -> DataSetPreParser.State {
        switch header.tag {
        case PreParserHeader.item:
            guard !header.hasUndefinedLength else { return try fault(.undefinedLength, header, at: offset) }
            guard offset + UInt64(header.size) + UInt64(header.length) <= top.bound else {
                return try fault(.lengthOverflow, header, at: offset)
            }
            return .value(remaining: UInt64(header.length))
        case PreParserHeader.sequenceDelimitation where header.length == 0:
            try pop()
            return .elementHeader
        default:
            return try fault(.unexpectedDelimiter, header, at: offset)
        }
    }

    // MARK: Closing

    /// Closes the levels that end at `position`, where a header would begin. Answers how many bytes follow that are opaque
    /// after all, because what looked like a sequence is none.
    mutating func close(at position: UInt64) throws -> UInt64? {
        while levels.count > 1 {
            let top = levels[levels.count - 1]
            if top.end == position {
                try pop()
                continue
            }
            guard top.bound - position < 8 else { break }
            let opaque = try fault(.lengthOverflow, tag: top.tag, at: position, upTo: position)
            guard opaque == 0 else { return opaque }
        }
        if part == .pixelData, levels.count == 1 {
            part = .trailing
            pixelDataBytes = position - pixelDataStart
        }
        return nil
    }

    private mutating func push(
        _ kind: Kind, _ tag: UInt32, end: UInt64, form: PreParserHeader.Form? = nil, isSpeculative: Bool = false
    ) {
        let top = levels[levels.count - 1]
        levels.append(
            Level(
                kind: kind, form: form ?? top.form, end: end, bound: min(end, top.bound), tag: tag,
                speculation: isSpeculative ? levels.count : top.speculation, firstSeen: seen.count))
    }

    private mutating func pop() throws {
        let index = levels.count - 1
        let level = levels.removeLast()
        seen.removeLast(seen.count - level.firstSeen)
        guard let pending = pendingDuplicate, pending.speculation == index else { return }
        let around = levels[index - 1].speculation
        guard around >= 0 else { throw pending.error }
        pendingDuplicate = (pending.error, around)
    }

    /// What looks like a sequence and turns out damaged is opaque from here on; what must be one is refused.
    private mutating func fault(
        _ reason: PreParseError.Reason, _ header: PreParserHeader, at offset: UInt64
    ) throws -> DataSetPreParser.State {
        let tag = header.group == 0xFFFE ? levels[levels.count - 1].tag : header.tag
        return .value(remaining: try fault(reason, tag: tag, at: offset, upTo: offset + UInt64(header.size)))
    }

    private mutating func fault(
        _ reason: PreParseError.Reason, tag: UInt32, at offset: UInt64, upTo position: UInt64
    ) throws -> UInt64 {
        let root = levels[levels.count - 1].speculation
        guard root >= 0 else { throw PreParseError(reason, tag: tag == 0 ? nil : Tag(tag), offset: offset) }
        let opaque = levels[root].end - position
        seen.removeLast(seen.count - levels[root].firstSeen)
        levels.removeLast(levels.count - root)
        if let pending = pendingDuplicate, pending.speculation >= root { pendingDuplicate = nil }
        noteAmbiguity(tag, at: offset)
        return opaque
    }

    // MARK: Checks

    private func error(_ reason: PreParseError.Reason, _ header: PreParserHeader, _ offset: UInt64) -> PreParseError {
        PreParseError(reason, tag: Tag(header.tag), offset: offset)
    }

    /// Elements, items and header bytes so far against the limits.
    private mutating func charge(_ header: PreParserHeader, at offset: UInt64) throws {
        guard part != .pixelData else { return }
        elementCount += 1
        guard elementCount <= limits.elements else { throw error(.tooManyElements, header, offset) }
        let total = offset - pixelDataBytes + UInt64(header.size)
        guard total <= limits.headerBytes else { throw error(.headerTooLarge, header, offset) }
    }

    private func checkDepth(at offset: UInt64) throws {
        // Under the data set, sequences and items alternate.
        guard (levels.count + 1) / 2 <= limits.depth else {
            throw PreParseError(.tooDeep, tag: currentTag, offset: offset)
        }
    }

    /// False if the element comes too late for its tag once too often.
    @discardableResult
    private mutating func checkOrder(_ header: PreParserHeader, at offset: UInt64) throws -> Bool {
        let index = levels.count - 1
        let isFirst = seen.count == levels[index].firstSeen
        if isFirst || header.tag > levels[index].highestTag {
            levels[index].highestTag = header.tag
            seen.append(header.tag)
            return true
        }
        if seen[levels[index].firstSeen...].contains(header.tag) {
            let duplicate = error(.duplicateTag, header, offset)
            guard levels[index].speculation >= 0 else { throw duplicate }
            if pendingDuplicate == nil { pendingDuplicate = (duplicate, levels[index].speculation) }
            return true
        }
        if part == .trailing, index == 0 { throw error(.tagOutOfOrder, header, offset) }
        outOfOrderCount += 1
        seen.append(header.tag)
        return outOfOrderCount <= DataSetPreParser.outOfOrderLimit
    }

    /// PS3.5 7.8.1 forbids odd groups 0001 to 0007 and FFFF; 0000 is the command's and 0002 the file's.
    private static func isForbidden(_ group: UInt16) -> Bool {
        switch group {
        case 0x0000, 0x0001, 0x0002, 0x0003, 0x0005, 0x0007, 0xFFFF: true
        default: false
        }
    }

    // MARK: Values too short for an item tag

    /// Takes notice of value bytes. A parser that takes a value of one to three bytes for a sequence reads its item tag
    /// across the value's end, out of the next header.
    @inline(__always)
    mutating func noteValue(_ bytes: UnsafeRawBufferPointer.SubSequence) {
        guard shortValueRemaining > 0 else { return }
        for byte in bytes {
            shortValue |= UInt32(byte) << (8 * shortValueCount)
            shortValueCount += 1
            shortValueRemaining -= 1
        }
    }

    private mutating func noteHeader(_ header: PreParserHeader, at offset: UInt64) {
        guard shortValueCount > 0 else { return }
        let start = shortValue | header.start << (8 * shortValueCount)
        if start == 0xE000_FFFE || start == 0xE0DD_FFFE { noteAmbiguity(latestTag ?? 0, at: offset) }
        shortValueCount = 0
    }

    private mutating func noteAmbiguity(_ tag: UInt32, at offset: UInt64) {
        guard ambiguity == nil else { return }
        ambiguity = PreParseError(.ambiguousNesting, tag: Tag(tag), offset: offset)
    }
}
