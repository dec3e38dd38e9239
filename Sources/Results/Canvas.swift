import CPangoCairo

/// A Cairo image surface with a context to draw on. Owns both and frees them when it goes. One owner, one thread at a
/// time: Pango's default font map is the thread's own.
struct Canvas: ~Copyable {
    let width: Int
    let height: Int
    private let surface: OpaquePointer
    private let context: OpaquePointer

    /// A black RGB24 surface.
    init(width: Int, height: Int) throws(ResultError) {
        guard let surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, Int32(width), Int32(height)) else {
            throw .rendering("the surface")
        }
        guard cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS, let context = cairo_create(surface) else {
            cairo_surface_destroy(surface)
            throw .rendering("the surface")
        }
        self.width = width
        self.height = height
        self.surface = surface
        self.context = context
        // Grey antialiasing and no hinting: the same glyphs wherever the same font is.
        let options = cairo_font_options_create()
        cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY)
        cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE)
        cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF)
        cairo_set_font_options(context, options)
        cairo_font_options_destroy(options)
    }

    deinit {
        cairo_destroy(context)
        cairo_surface_destroy(surface)
    }

    /// A colour, each part in 0...1.
    struct Colour {
        var red: Double
        var green: Double
        var blue: Double
        var alpha: Double = 1
    }

    /// Fills a rectangle.
    func fill(x: Double, y: Double, width: Double, height: Double, _ colour: Colour) {
        use(colour)
        cairo_rectangle(context, x, y, width, height)
        cairo_fill(context)
    }

    /// Strokes lines as one shape, so that where pieces meet nothing is drawn twice.
    func stroke(_ lines: [(from: (x: Double, y: Double), to: (x: Double, y: Double))], width: Double, _ colour: Colour)
    {
        use(colour)
        cairo_set_line_width(context, width)
        cairo_set_line_cap(context, CAIRO_LINE_CAP_ROUND)
        for line in lines {
            cairo_move_to(context, line.from.x, line.from.y)
            cairo_line_to(context, line.to.x, line.to.y)
        }
        cairo_stroke(context)
    }

    /// Keeps what follows inside a rectangle, until ``unclip()``.
    func clip(x: Double, y: Double, width: Double, height: Double) {
        cairo_save(context)
        cairo_rectangle(context, x, y, width, height)
        cairo_clip(context)
    }

    /// Ends ``clip(x:y:width:height:)``.
    func unclip() { cairo_restore(context) }

    /// How a piece of text looks.
    struct TextStyle {
        /// Height of the font's em square in pixels.
        var size: Double
        var isBold = false
        var colour = Colour(red: 0.88, green: 0.88, blue: 0.88)
        /// Where longer text is broken; nil for one line.
        var width: Double?
        /// Written from bottom to top.
        var isUpright = false
    }

    /// The size that a text takes, in pixels, as it would be drawn.
    func size(of text: String, _ style: TextStyle) throws(ResultError) -> (width: Double, height: Double) {
        try withLayout(text, style) { layout in
            var (width, height): (Int32, Int32) = (0, 0)
            pango_layout_get_pixel_size(layout, &width, &height)
            return (Double(width), Double(height))
        }
    }

    /// Draws text with its top left corner (for upright text: its bottom left) at a point.
    func draw(_ text: String, x: Double, y: Double, _ style: TextStyle) throws(ResultError) {
        try withLayout(text, style) { layout in
            use(style.colour)
            cairo_save(context)
            cairo_translate(context, x, y)
            if style.isUpright { cairo_rotate(context, -Double.pi / 2) }
            cairo_move_to(context, 0, 0)
            pango_cairo_show_layout(context, layout)
            cairo_restore(context)
        }
    }

    /// Gives the pixels, 0x00RRGGBB each, to be changed. What was drawn before is in them.
    ///
    /// The pointer is Cairo's own memory, valid during the call and nowhere else.
    func withPixels(_ body: (_ pixels: UnsafeMutablePointer<UInt32>, _ pixelsPerRow: Int) -> Void) throws(ResultError) {
        cairo_surface_flush(surface)
        guard let bytes = cairo_image_surface_get_data(surface) else { throw .rendering("the surface") }
        let pixelsPerRow = Int(cairo_image_surface_get_stride(surface)) / 4
        bytes.withMemoryRebound(to: UInt32.self, capacity: pixelsPerRow * height) { body($0, pixelsPerRow) }
        cairo_surface_mark_dirty(surface)
    }

    /// The finished picture.
    func image() throws(ResultError) -> RGBImage {
        guard cairo_status(context) == CAIRO_STATUS_SUCCESS else { throw .rendering("drawing") }
        let count = width * height * 3
        var pixels: [UInt8] = []
        try withPixels { source, pixelsPerRow in
            pixels = [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
                var out = 0
                for y in 0..<height {
                    let row = source + y * pixelsPerRow
                    for x in 0..<width {
                        let pixel = row[x]
                        target[out] = UInt8(truncatingIfNeeded: pixel >> 16)
                        target[out + 1] = UInt8(truncatingIfNeeded: pixel >> 8)
                        target[out + 2] = UInt8(truncatingIfNeeded: pixel)
                        out += 3
                    }
                }
                initialized = count
            }
        }
        return RGBImage(width: width, height: height, pixels: pixels)
    }

    /// Writes the picture as a PNG file.
    func writePNG(to path: String) throws(ResultError) {
        guard cairo_surface_write_to_png(surface, path) == CAIRO_STATUS_SUCCESS else {
            throw .rendering("the PNG file")
        }
    }

    private func use(_ colour: Colour) {
        cairo_set_source_rgba(context, colour.red, colour.green, colour.blue, colour.alpha)
    }

    /// - Throws: ``ResultError/rendering(_:)`` also when the machine's fonts lack a character: a banner that cannot be
    /// read   must not go out.
    private func withLayout<Result>(
        _ text: String, _ style: TextStyle, _ body: (OpaquePointer) -> Result
    ) throws(ResultError) -> Result {
        guard let layout = pango_cairo_create_layout(context),
            let font = pango_font_description_from_string(style.isBold ? "DejaVu Sans Bold" : "DejaVu Sans")
        else { throw .rendering("the text") }
        defer {
            pango_font_description_free(font)
            g_object_unref(UnsafeMutableRawPointer(layout))
        }
        pango_font_description_set_absolute_size(font, style.size * Double(PANGO_SCALE))
        pango_layout_set_font_description(layout, font)
        pango_layout_set_text(layout, text, -1)
        if let width = style.width {
            pango_layout_set_width(layout, Int32(width * Double(PANGO_SCALE)))
            pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR)
        }
        guard pango_layout_get_unknown_glyphs_count(layout) == 0 else {
            throw .rendering("a character without a glyph")
        }
        return body(layout)
    }
}
