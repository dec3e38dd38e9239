import DICOMCore

/// A finding on an image as a picture: the windowed source, weak heat, a thin line at the decision level; in margins
/// outside the anatomy a banner and a colour bar with a fixed scale.
package struct HeatmapPicture: Sendable {
    /// The source as a reader sees it.
    package var display: DisplayPixels
    /// What the model says of each part.
    package var heat: HeatGrid
    /// The finding; its threshold is the level of the line where ``heatLevel`` is nil.
    package var finding: ReportedFinding
    /// The level of the line on the heat's scale, where the heat has a decision level of its own.
    package var heatLevel: Double?
    /// The source: only its matrix is used.
    package var image: SourceImage
    /// Counts from 1 among ``imageCount``; shown where there are several.
    package var imageNumber: Int
    /// How many images the study's report is about.
    package var imageCount: Int
    /// The model.
    package var algorithm: Algorithm
    /// When the analysis started.
    package var time: AnalysisTime
    /// The language of the banner.
    package var language: ReportLanguage

    /// Takes the parts.
    package init(
        display: DisplayPixels, heat: HeatGrid, finding: ReportedFinding, heatLevel: Double? = nil, image: SourceImage,
        imageNumber: Int = 1, imageCount: Int = 1, algorithm: Algorithm, time: AnalysisTime,
        language: ReportLanguage = .english
    ) {
        self.display = display
        self.heat = heat
        self.finding = finding
        self.heatLevel = heatLevel
        self.image = image
        self.imageNumber = imageNumber
        self.imageCount = imageCount
        self.algorithm = algorithm
        self.time = time
        self.language = language
    }

    /// Draws it. Blocking, without side effects, any thread; equal inputs give equal pixels where the same fonts are.
    ///
    /// - Throws: ``ResultError``, among others for a finding that is not present: a heatmap of it would mislead.
    package func draw() throws(ResultError) -> RGBImage {
        try check()
        let scratch = try Canvas(width: 1, height: 1)
        let layout = try PictureLayout(self, measuringOn: scratch)
        let canvas = try Canvas(width: layout.width, height: layout.height)
        canvas.fill(
            x: 0, y: 0, width: Double(layout.width), height: Double(layout.height), PictureLayout.background)
        let overlay = HeatOverlay(display: display, heat: heat, image: image, decisionLevel: level)
        try canvas.withPixels { pixels, pixelsPerRow in
            overlay.draw(into: pixels + layout.top * pixelsPerRow, pixelsPerRow: pixelsPerRow)
        }
        drawContour(overlay, on: canvas, layout)
        try layout.drawBanner(on: canvas)
        try layout.drawColourBar(on: canvas)
        return try canvas.image()
    }

    /// The level of the line and of the mark on the colour bar.
    var level: Double { heatLevel ?? finding.threshold }

    private func check() throws(ResultError) {
        guard finding.isPresent else { throw .contradictoryFinding(key: finding.key) }
        guard level.isFinite, level > 0, level <= 1 else { throw .number("the decision level") }
        guard finding.probability.isFinite, (0...1).contains(finding.probability) else {
            throw .number("the probability")
        }
        guard image.rows > 0, image.columns > 0 else { throw .picture("the source has no matrix") }
        let aspect = Double(display.width * image.rows) / Double(display.height * image.columns)
        guard (0.5...2).contains(aspect) else { throw .picture("the matrix is not of the source's shape") }
    }

    private func drawContour(_ overlay: HeatOverlay, on canvas: borrowing Canvas, _ layout: PictureLayout) {
        let contour = Contour(overlay, level: Float(level), step: max(2, max(display.width, display.height) / 256))
        let lines = contour.segments.map { segment in
            (
                from: (x: segment.from.x, y: segment.from.y + Double(layout.top)),
                to: (x: segment.to.x, y: segment.to.y + Double(layout.top))
            )
        }
        let width = max(1.2, Double(max(display.width, display.height)) / 800)
        canvas.clip(x: 0, y: Double(layout.top), width: Double(display.width), height: Double(display.height))
        canvas.stroke(lines, width: width * 2, Canvas.Colour(red: 0, green: 0, blue: 0, alpha: 0.45))
        canvas.stroke(lines, width: width, PictureLayout.contour)
        canvas.unclip()
    }
}
