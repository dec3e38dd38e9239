import DCMTKBridge
import DICOMCore

/// What the header says of the way from stored values to display values: steps 2 to 5 of the preparation.
package struct DisplayAttributes: Equatable, Sendable {
    /// Step 3: the Modality LUT (PS3.3 C.11.1).
    package enum Modality: Equatable, Sendable {
        /// Rescale Slope and Intercept; 1 and 0 where absent.
        case rescale(slope: Double, intercept: Double)
        /// Modality LUT Sequence.
        case table(LookUpTable)
    }

    /// Step 4: the VOI LUT (PS3.3 C.11.2).
    package enum VOI: Equatable, Sendable {
        /// VOI LUT Sequence, first item.
        case table(LookUpTable)
        /// Window Center and Width, first values.
        case window(Window)
        /// Neither: the least to the greatest value of the pixels that are not padding.
        case range
    }

    /// A window that can be applied: `init` refuses widths that make none.
    package struct Window: Equatable, Sendable {
        /// VOI LUT Function (0028,1056).
        package enum Function: String, Sendable {
            /// PS3.3 C.11.2.1.2.1.
            case linear = "LINEAR"
            /// PS3.3 C.11.2.1.3.2.
            case linearExact = "LINEAR_EXACT"
            /// PS3.3 C.11.2.1.3.1.
            case sigmoid = "SIGMOID"
        }

        let center: Double
        let width: Double
        let function: Function

        /// Nil for a width below 1 (LINEAR) or not above 0.
        package init?(center: Double, width: Double, function: Function) {
            guard function == .linear ? width >= 1 : width > 0 else { return nil }
            self.center = center
            self.width = width
            self.function = function
        }

        /// Display value, 0 to 1.
        package func callAsFunction(_ x: Double) -> Double {
            switch function {
            case .linear:
                let half = (width - 1) / 2
                if x <= center - 0.5 - half { return 0 }
                if x > center - 0.5 + half { return 1 }
                return (x - (center - 0.5)) / (width - 1) + 0.5
            case .linearExact:
                if x <= center - width / 2 { return 0 }
                if x > center + width / 2 { return 1 }
                return (x - center) / width + 0.5
            case .sigmoid:
                return 1 / (1 + exponential(-4 * (x - center) / width))
            }
        }
    }

    /// Step 2: stored values that are padding (0028,0120), (0028,0121).
    package let padding: ClosedRange<Int>?
    /// Step 3.
    package let modality: Modality
    /// Step 4.
    package let voi: VOI
    /// Step 5: MONOCHROME1 or Presentation LUT Shape INVERSE.
    package let isInverse: Bool

    /// As given; for pictures that do not come from a file.
    package init(padding: ClosedRange<Int>?, modality: Modality, voi: VOI, isInverse: Bool) {
        self.padding = padding
        self.modality = modality
        self.voi = voi
        self.isInverse = isInverse
    }

    /// Reads them from a header.
    ///
    /// - Throws: ``ImageReason/unreadableHeader`` for an attribute that is there and makes no sense.
    package init(_ header: borrowing DataSet) throws(ImageReason) {
        let isSigned = header.number(.pixelRepresentation) == 1
        padding = try DisplayAttributes.padding(header, isSigned: isSigned)
        var voiIsSigned = isSigned
        if header.itemCount(.modalityLUTSequence) > 0 {
            modality = .table(try DisplayAttributes.table(header, .modalityLUTSequence, signed: isSigned))
            voiIsSigned = false
        } else {
            modality = .rescale(
                slope: try DisplayAttributes.decimal(header, .rescaleSlope) ?? 1,
                intercept: try DisplayAttributes.decimal(header, .rescaleIntercept) ?? 0)
        }
        if header.itemCount(.voiLUTSequence) > 0 {
            voi = .table(try DisplayAttributes.table(header, .voiLUTSequence, signed: voiIsSigned))
        } else {
            voi = try DisplayAttributes.window(header).map { .window($0) } ?? .range
        }
        isInverse =
            header.string(.photometricInterpretation) == "MONOCHROME1"
            || header.string(.presentationLUTShape) == "INVERSE"
    }

    private static func table(
        _ header: borrowing DataSet, _ tag: Tag, signed: Bool
    ) throws(ImageReason) -> LookUpTable {
        do {
            return try LookUpTable(item: try header.item(tag, at: 0), signed: signed)
        } catch {
            throw .unreadableHeader
        }
    }

    private static func window(_ header: borrowing DataSet) throws(ImageReason) -> Window? {
        guard let center = try decimal(header, .windowCenter), let width = try decimal(header, .windowWidth) else {
            return nil
        }
        let function = header.string(.voiLUTFunction).flatMap { Window.Function(rawValue: $0) } ?? .linear
        return Window(center: center, width: width, function: function)
    }

    /// The first value of a DS attribute; nil where it is absent or empty.
    private static func decimal(_ header: borrowing DataSet, _ tag: Tag) throws(ImageReason) -> Double? {
        guard let count = header.multiplicity(tag), count > 0 else { return nil }
        guard let number = header.number(tag) else { throw .unreadableHeader }
        return number
    }

    /// Read with the sign that Pixel Representation gives, whatever VR was written (US or SS).
    private static func padding(_ header: borrowing DataSet, isSigned: Bool) throws(ImageReason) -> ClosedRange<Int>? {
        func number(_ tag: Tag) throws(ImageReason) -> Int? {
            guard let count = header.multiplicity(tag), count > 0 else { return nil }
            guard let value = header.number(tag), (-32768...65535).contains(value) else { throw .unreadableHeader }
            let pattern = UInt16(truncatingIfNeeded: Int(value))
            return isSigned ? Int(Int16(bitPattern: pattern)) : Int(pattern)
        }
        guard let value = try number(.pixelPaddingValue) else { return nil }
        let limit = try number(.pixelPaddingRangeLimit) ?? value
        return min(value, limit)...max(value, limit)
    }
}
