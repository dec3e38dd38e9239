/// The language of our own sentences. Coded meanings stay in their scheme's words.
package enum ReportLanguage: String, Sendable, CaseIterable {
    /// "en"
    case english = "en"
    /// "de"
    case german = "de"

    /// Its sentences.
    var wording: Wording {
        switch self {
        case .english: .english
        case .german: .german
        }
    }
}

/// All sentences of one language. There are no defaults: a language that lacks one does not compile.
struct Wording: Sendable {
    /// Value of (121049, DCM, "Language of Content Item and Descendants").
    let language: CodedConcept
    /// LO: Series Description of reports, at most 48 characters, so that a revision fits behind.
    let reportSeries: String
    /// LO: Series Description of heatmaps, at most 48 characters.
    let heatmapSeries: String
    /// Behind a Series Description from the second revision on.
    let revision: @Sendable (Int) -> String
    /// LO: Completion Flag Description when no image, or not every image, could be analysed.
    let notAllAnalysed: String
    /// Tracking identifier of the group that says what became of the analysis.
    let analysisStatus: String
    /// Tracking identifier of the same for one image of several.
    let analysisStatusOfImage: @Sendable (Int) -> String
    /// Tracking identifier of a region.
    let region: @Sendable (Int) -> String
    /// Comment of the overall status where there are several images.
    let imagesAnalysed: @Sendable (Int, Int) -> String
    /// What a calibrated output is called.
    let probability: String
    /// What an uncalibrated output is called.
    let score: String
    /// The level from which the model says yes.
    let decisionLevel: String
    /// Legend of the colour bar.
    let heatScale: String
    /// The banner's warning.
    let investigational: String
    /// LT: Image Comments.
    let imageComments: String
    /// Before the model's name.
    let model: String
    /// Before the time.
    let analysed: String
    /// Sides.
    let side: @Sendable (Laterality) -> String
    /// Which image of several.
    let imageNumber: @Sendable (Int, Int) -> String
}

extension Wording {
    static let english = Wording(
        language: CodedConcept("en-US", "RFC5646", "English (United States)"),
        reportSeries: "AI report - research, not for diagnosis",
        heatmapSeries: "AI heatmap - research, not for diagnosis",
        revision: { "(revision \($0))" },
        notAllAnalysed: "Not every image could be analysed",
        analysisStatus: "Analysis status",
        analysisStatusOfImage: { "Analysis status of image \($0)" },
        region: { "region \($0)" },
        imagesAnalysed: { "\($0) of \($1) images analysed." },
        probability: "Probability",
        score: "Score (not calibrated)",
        decisionLevel: "decision level",
        heatScale: "model output per area, fixed scale 0 to 1",
        investigational: "INVESTIGATIONAL - NOT FOR DIAGNOSTIC USE",
        imageComments: "Investigational - not for diagnostic use",
        model: "Model",
        analysed: "Analysed",
        side: { side in
            switch side {
            case .left: "left"
            case .right: "right"
            case .bilateral: "both sides"
            }
        },
        imageNumber: { "image \($0) of \($1)" }
    )

    static let german = Wording(
        language: CodedConcept("de", "RFC5646", "German"),
        reportSeries: "KI-Bericht - Forschung, nicht zur Diagnose",
        heatmapSeries: "KI-Heatmap - Forschung, nicht zur Diagnose",
        revision: { "(Fassung \($0))" },
        notAllAnalysed: "Nicht alle Bilder konnten ausgewertet werden",
        analysisStatus: "Status der Auswertung",
        analysisStatusOfImage: { "Status der Auswertung, Bild \($0)" },
        region: { "Region \($0)" },
        imagesAnalysed: { "\($0) von \($1) Bildern ausgewertet." },
        probability: "Wahrscheinlichkeit",
        score: "Wert (nicht kalibriert)",
        decisionLevel: "Entscheidungsschwelle",
        heatScale: "Modellausgabe je Bereich, feste Skala 0 bis 1",
        investigational: "IN ERPROBUNG - NICHT FÜR DIAGNOSTISCHE ZWECKE",
        imageComments: "In Erprobung - nicht für diagnostische Zwecke",
        model: "Modell",
        analysed: "Ausgewertet",
        side: { side in
            switch side {
            case .left: "links"
            case .right: "rechts"
            case .bilateral: "beidseits"
            }
        },
        imageNumber: { "Bild \($0) von \($1)" }
    )
}
