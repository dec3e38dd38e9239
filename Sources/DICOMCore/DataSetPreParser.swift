/// Splits an encoded data set into header, pixel data and what trails it, and bounds it, before a parser that recurses
/// and allocates sees it (DESIGN.md, "an edge of our own").
///
/// It works on fragments of any size as they come off the network, iterates instead of recursing, copies at most twelve
/// bytes at a time (an element header that a fragment boundary cuts), and keeps four bytes per element of the open items.
///
/// What it accepts (PS3.5 2026d, sections 6.2.2, 7.1, 7.5, 7.8.1, A.4), and what it does with what the standard leaves:
/// - The header ends at (7FE0,0010) of the top level. A (7FE0,0010) inside an item, as an icon has, belongs to the header.
///   Float Pixel Data (7FE0,0008) and (7FE0,0009) are header too and fall under its cap.
/// - Pixel Data must be native in a native transfer syntax and encapsulated in an encapsulated one.
/// - Elements after Pixel Data are `trailing`: checked like the header, counted into its cap, and their tags must rise.
/// - A tag that occurs twice in one data set or item is refused: which of two Patient IDs is meant cannot be known.
///   Elements out of ascending order are accepted up to ``outOfOrderLimit`` times per data set, because old modalities
///   send them, DCMTK sorts them, and nothing is ambiguous as long as no tag occurs twice.
/// - Odd lengths are accepted, as DCMTK accepts them: what is kept is encoded anew.
/// - UN of undefined length holds implicit VR little endian (CP-246).
/// - In implicit VR, and in UN, only a dictionary tells whether a value of defined length is a sequence, and DCMTK has one.
///   So each such value that begins with an item tag is followed as a sequence for as long as it is a well-formed one. If it
///   turns out not to be, it is an opaque value after all, and is not refused; but a parser that took it for a sequence may
///   now read the rest of the header differently. Each level that such a parser opens costs it an item tag, so from there
///   on item tags are counted at every byte position, and more than ``ambiguousItemLimit`` of them are refused.
///
/// Not thread-safe; one owner. After it has thrown, it throws the same error again.
package struct DataSetPreParser {
    /// What a data set may cost the node.
    package struct Limits: Sendable {
        /// Bytes of header and trailing elements together.
        package var headerBytes: UInt64
        /// Sequences inside one another.
        package var depth: Int
        /// Elements and items, all levels together.
        package var elements: Int

        /// 64 MiB, 32 levels and a million elements unless said otherwise.
        package init(headerBytes: UInt64 = 64 << 20, depth: Int = 32, elements: Int = 1_000_000) {
            self.headerBytes = headerBytes
            self.depth = depth
            self.elements = elements
        }
    }

    /// Where in the data set a run of bytes is.
    package enum Part: Hashable, Sendable {
        /// Before the element header of Pixel Data.
        case header
        /// The value of Pixel Data: native bytes, or the items as encoded, their headers and the sequence delimiter included.
        /// The element header itself is in no run: see ``PixelDataElement/encodedHeader``.
        case pixelData
        /// After Pixel Data.
        case trailing
    }

    /// How many elements of one data set may have a tag below one that came before in the same item.
    package static let outOfOrderLimit = 64
    /// How many item tags may follow a value that could be taken for a damaged sequence, so that a parser cannot be led
    /// deeper than this and the depth limit together. DCMTK 3.6.7 takes 1.5 KB of stack a level (measured: 8 MiB end
    /// between 5000 and 6000 levels).
    package static let ambiguousItemLimit = 256

    /// Pixel Data, once its element header was read and before the first run of it is given out. Nil in an object without.
    package private(set) var pixelData: PixelDataElement?
    /// Bytes interpreted so far; bytes held back for the next fragment are not among them.
    package private(set) var position: UInt64 = 0

    private let isEncapsulated: Bool
    private var nesting: PreParserNesting
    private var part = Part.header
    private var state = State.elementHeader
    /// Bytes of a header, or of the start of a value, that a fragment boundary cut.
    private var scratch: [UInt8] = []
    private var items: ItemTagCounter?
    private var failure: PreParseError?

    /// What the next bytes are.
    enum State {
        /// The header of an element, item or delimiter.
        case elementHeader
        /// The first four bytes of a value that may be a sequence.
        case valueStart(length: UInt32)
        /// A value, or a fragment, or what is opaque of one.
        case value(remaining: UInt64)
    }

    /// A parser at the start of a data set, without file meta information, in the given transfer syntax.
    package init(transferSyntax: TransferSyntax, limits: Limits = .init()) {
        isEncapsulated = transferSyntax.isEncapsulated
        nesting = PreParserNesting(transferSyntax: transferSyntax, limits: limits)
        scratch.reserveCapacity(16)
    }

    /// Interprets a fragment and calls `body` for each run of bytes of one part, in order. The runs point into the fragment
    /// (or into a small buffer of the parser) and are valid during the call. All runs of a part put together are the same
    /// for every fragmentation; up to 11 bytes are held back until the next fragment.
    ///
    /// Throws ``PreParseError``, or what `body` throws; runs before the fault may have been given out by then.
    package mutating func consume(
        _ fragment: UnsafeRawBufferPointer, _ body: (Part, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        if let failure { throw failure }
        do {
            try split(fragment, body)
        } catch let error as PreParseError {
            failure = error
            throw error
        }
    }

    /// To be called after the last fragment. Throws ``PreParseError`` `.truncated` if an element, item or sequence is open.
    package mutating func finish() throws {
        if let failure { throw failure }
        guard case .elementHeader = state, scratch.isEmpty, nesting.isAtTopLevel else {
            let error = PreParseError(.truncated, tag: nesting.currentTag, offset: position)
            failure = error
            throw error
        }
    }
}

/// The Pixel Data element of the top level.
package struct PixelDataElement: Hashable, Sendable {
    /// OB, OW or UN as sent; OW in implicit VR (PS3.5 A.1).
    package let vr: VR
    /// Bytes of the value. Nil: undefined, the value is encapsulated.
    package let length: UInt32?
    /// Tag, VR and length as received: 8 or 12 bytes.
    package let encodedHeader: [UInt8]
    /// Bytes from the start of the data set to the element header.
    package let offset: UInt64

    /// Whether the value is a sequence of fragments.
    package var isEncapsulated: Bool { length == nil }
}

// MARK: - The walk over a fragment

extension DataSetPreParser {
    /// What takes the runs.
    private typealias Body = (Part, UnsafeRawBufferPointer) throws -> Void

    private mutating func split(_ fragment: UnsafeRawBufferPointer, _ body: Body) throws {
        var run = Run(bytes: fragment)
        while run.cursor < fragment.count {
            switch state {
            case .value(let remaining):
                let taken = Int(min(remaining, UInt64(fragment.count - run.cursor)))
                nesting.noteValue(run.rest.prefix(taken))
                run.cursor += taken
                position += UInt64(taken)
                try settle(.value(remaining: remaining - UInt64(taken)), &run, body)
            case .valueStart(let length):
                try readValueStart(length: length, &run, body)
            case .elementHeader:
                try readHeader(&run, body)
            }
        }
        try emit(run.take(), body)
    }

    /// Reads the header at the cursor, or as much of it as the fragment has.
    private mutating func readHeader(_ run: inout Run, _ body: Body) throws {
        let form = nesting.headerForm
        if scratch.isEmpty, let header = PreParserHeader(run.rest, form) {
            let next = try open(header, run.rest.prefix(header.size), &run, body)
            if nesting.part == part {
                run.cursor += header.size
            } else {
                try emit(run.take(), body)
                run.skip(header.size)
            }
            return try settle(next, &run, body)
        }
        try emit(run.take(), body)
        while run.cursor < run.bytes.count {
            scratch.append(run.takeByte())
            guard let header = scratch.withUnsafeBytes({ PreParserHeader($0, form) }) else { continue }
            let bytes = scratch
            scratch.removeAll(keepingCapacity: true)
            let next = try bytes.withUnsafeBytes { bytes in
                let next = try open(header, bytes[...], &run, body)
                if nesting.part == part { try emit(bytes, body) }
                return next
            }
            return try settle(next, &run, body)
        }
    }

    /// Looks at the first four bytes of a value that may be a sequence, without taking them.
    private mutating func readValueStart(length: UInt32, _ run: inout Run, _ body: Body) throws {
        if scratch.isEmpty, run.rest.count >= 4 {
            let start = UInt32(littleEndian: run.rest.loadUnaligned(as: UInt32.self))
            state = try nesting.openValue(length: length, startingWith: start, at: position)
            return try beginCounting(&run, body)
        }
        try emit(run.take(), body)
        while run.cursor < run.bytes.count {
            scratch.append(run.takeByte())
            guard scratch.count == 4 else { continue }
            let start = scratch.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self)) }
            state = try nesting.openValue(length: length, startingWith: start, at: position)
            try beginCounting(&run, body)
            // The four bytes of an item header stay where the rest of it is collected; those of a plain value are done.
            guard case .value(let remaining) = state else { return }
            let bytes = scratch
            scratch.removeAll(keepingCapacity: true)
            position += 4
            try bytes.withUnsafeBytes { try emit($0, body) }
            return try settle(.value(remaining: remaining - 4), &run, body)
        }
    }

    /// Accounts for a complete header, and says what follows it. After that of the top level's Pixel Data, which is in no
    /// run, the nesting's part is another one than that of the run.
    private mutating func open(
        _ header: PreParserHeader, _ bytes: UnsafeRawBufferPointer.SubSequence, _ run: inout Run, _ body: Body
    ) throws -> State {
        let offset = position
        position += UInt64(header.size)
        guard header.tag == PreParserHeader.pixelData, nesting.isAtTopLevel else {
            let next = try nesting.open(header, at: offset)
            try beginCounting(&run, body)
            return next
        }
        let next = try nesting.openPixelData(header, at: offset, isEncapsulated: isEncapsulated)
        pixelData = PixelDataElement(
            vr: header.vr ?? .ow, length: header.hasUndefinedLength ? nil : header.length, encodedHeader: Array(bytes),
            offset: offset)
        return next
    }

    /// Goes on to the next state: closes what ends at the position, and gives the run out where the part changes.
    private mutating func settle(_ next: State, _ run: inout Run, _ body: Body) throws {
        state = next
        if case .value(remaining: 0) = state { state = .elementHeader }
        if case .elementHeader = state, let opaque = try nesting.close(at: position) {
            state = .value(remaining: opaque)
        }
        try beginCounting(&run, body)
        if nesting.part != part {
            try emit(run.take(), body)
            part = nesting.part
        }
    }

    /// From a damaged sequence on, item tags are counted; what came before it is given out uncounted.
    private mutating func beginCounting(_ run: inout Run, _ body: Body) throws {
        guard nesting.ambiguity != nil, items == nil else { return }
        try emit(run.take(), body)
        items = ItemTagCounter()
    }

    private mutating func emit(_ bytes: UnsafeRawBufferPointer, _ body: Body) throws {
        guard !bytes.isEmpty else { return }
        if part != .pixelData, items?.count(bytes, upTo: DataSetPreParser.ambiguousItemLimit) == false,
            let ambiguity = nesting.ambiguity
        {
            throw ambiguity
        }
        try body(part, bytes)
    }

    /// The stretch of a fragment that is interpreted and not yet given out.
    private struct Run {
        let bytes: UnsafeRawBufferPointer
        private var start = 0
        var cursor = 0

        init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

        /// What is not interpreted yet.
        var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[cursor...]) }

        mutating func take() -> UnsafeRawBufferPointer {
            defer { start = cursor }
            return UnsafeRawBufferPointer(rebasing: bytes[start..<cursor])
        }

        mutating func takeByte() -> UInt8 {
            let byte = bytes[cursor]
            skip(1)
            return byte
        }

        mutating func skip(_ count: Int) {
            cursor += count
            start = cursor
        }
    }
}
