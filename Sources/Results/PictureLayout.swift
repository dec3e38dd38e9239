/// Where the parts of a heatmap's picture are: banner on top, image below it on the left, colour bar on the right.
/// Nothing but heat and contour is drawn over the image.
struct PictureLayout {
    static let background = Canvas.Colour(red: 0.05, green: 0.05, blue: 0.05)
    static let contour = Canvas.Colour(red: 0.25, green: 0.92, blue: 1)
    static let warning = Canvas.Colour(red: 1, green: 0.8, blue: 0.25)

    /// Size of the whole picture.
    let width: Int
    let height: Int
    /// The image's first row; its first column is 0.
    let top: Int

    private let picture: HeatmapPicture
    /// Size of the running text in pixels; everything scales with it.
    private let unit: Double
    private let lines: [(text: String, style: Canvas.TextStyle, y: Double)]

    init(_ picture: HeatmapPicture, measuringOn canvas: borrowing Canvas) throws(ResultError) {
        let display = picture.display
        let unit = max(11, (Double(max(display.width, display.height)) / 60).rounded())
        let width = display.width + Int((unit * 6.5).rounded())
        var y = unit * 0.6
        var lines: [(String, Canvas.TextStyle, Double)] = []
        for (text, style) in PictureLayout.banner(picture, unit: unit, width: Double(width) - unit * 1.2) {
            lines.append((text, style, y))
            y += try canvas.size(of: text, style).height + unit * 0.2
        }
        self.picture = picture
        self.unit = unit
        self.lines = lines
        self.top = Int((y + unit * 0.4).rounded(.up))
        self.width = width
        self.height = top + display.height
    }

    /// The finding, the warning, then model and time.
    private static func banner(
        _ picture: HeatmapPicture, unit: Double, width: Double
    ) -> [(String, Canvas.TextStyle)] {
        let wording = picture.language.wording
        let finding = picture.finding
        var title = finding.code.meaning
        if let side = finding.laterality { title += ", \(wording.side(side))" }
        title += "   \(finding.isCalibrated ? wording.probability : wording.score) \(decimals(finding.probability))"
        title += " (\(wording.decisionLevel) \(decimals(finding.threshold)))"
        let offset = offsetText(picture.time.utcOffsetMinutes)
        var model = "\(wording.model) \(picture.algorithm.name) \(picture.algorithm.version)"
        model += "   \(wording.analysed) \(picture.time.readable) \(offset)"
        if picture.imageCount > 1 { model += "   \(wording.imageNumber(picture.imageNumber, picture.imageCount))" }
        return [
            (title, Canvas.TextStyle(size: unit * 1.25, isBold: true, width: width)),
            (
                wording.investigational,
                Canvas.TextStyle(size: unit * 1.1, isBold: true, colour: warning, width: width)
            ),
            (
                model,
                Canvas.TextStyle(size: unit, colour: Canvas.Colour(red: 0.72, green: 0.72, blue: 0.72), width: width)
            ),
        ]
    }

    func drawBanner(on canvas: borrowing Canvas) throws(ResultError) {
        for line in lines { try canvas.draw(line.text, x: unit * 0.6, y: line.y, line.style) }
    }

    /// The whole scale from 0 to 1 for every picture, with the decision level; grey where no heat is drawn.
    func drawColourBar(on canvas: borrowing Canvas) throws(ResultError) {
        let barX = (Double(picture.display.width) + unit).rounded()
        let length = min(Double(picture.display.height) - unit * 3, unit * 26).rounded()
        // On whole pixels, so that each step of the bar is the map's own colour.
        let barTop = (Double(top) + unit * 1.5).rounded()
        let bottom = barTop + length
        let floor = HeatOverlay.floor(decisionLevel: picture.level)
        let steps = Int(length)
        for step in 0..<steps {
            let value = (Double(step) + 0.5) / Double(steps)
            let entry = Int(value * 255 + 0.5) * 3
            let colour =
                Float(value) <= floor
                ? Canvas.Colour(red: 0.22, green: 0.22, blue: 0.22)
                : Canvas.Colour(
                    red: Double(ColourMap.bytes[entry]) / 255, green: Double(ColourMap.bytes[entry + 1]) / 255,
                    blue: Double(ColourMap.bytes[entry + 2]) / 255)
            canvas.fill(x: barX, y: bottom - Double(step) - 1, width: unit, height: 1, colour)
        }
        try drawTicks(on: canvas, barX: barX, bottom: bottom, length: length)
    }

    private func drawTicks(
        on canvas: borrowing Canvas, barX: Double, bottom: Double, length: Double
    ) throws(ResultError) {
        let style = Canvas.TextStyle(size: unit * 0.85)
        func mark(_ value: Double, _ text: String, _ style: Canvas.TextStyle, line: Double) throws(ResultError) {
            let y = bottom - value * length
            canvas.stroke([((barX - line, y), (barX + unit + line, y))], width: max(1.2, unit / 12), style.colour)
            let height = try canvas.size(of: text, style).height
            try canvas.draw(text, x: barX + unit * 1.45, y: y - height / 2, style)
        }
        for value in [0, 0.25, 0.5, 0.75, 1] where abs(value - picture.level) * length > unit {
            try mark(value, PictureLayout.decimals(value), style, line: 0)
        }
        var decision = style
        decision.colour = PictureLayout.contour
        decision.isBold = true
        try mark(picture.level, PictureLayout.decimals(picture.level), decision, line: unit * 0.25)
        let legend = picture.language.wording.heatScale
        var upright = style
        upright.isUpright = true
        upright.colour = Canvas.Colour(red: 0.72, green: 0.72, blue: 0.72)
        let size = try canvas.size(of: legend, upright)
        upright.size *= min(1, length / max(size.width, 1))
        let drawn = try canvas.size(of: legend, upright)
        try canvas.draw(legend, x: barX + unit * 4, y: bottom - (length - drawn.width) / 2, upright)
    }

    /// Two decimals, as a reader wants them.
    static func decimals(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let fraction = String(hundredths % 100)
        return "\(hundredths / 100)." + (fraction.count < 2 ? "0" + fraction : fraction)
    }

    private static func offsetText(_ minutes: Int) -> String {
        guard minutes != 0 else { return "UTC" }
        let (hours, rest) = (abs(minutes) / 60, abs(minutes) % 60)
        return "UTC" + (minutes < 0 ? "-" : "+") + "\(hours)"
            + (rest == 0 ? "" : ":" + (rest < 10 ? "0" : "") + "\(rest)")
    }
}
