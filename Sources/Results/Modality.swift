/// Coded forms of what an image's header says with defined terms.
enum Modality {
    /// The concept of a modality (PS3.16 CID 29); "Other Modality" for one that is not there.
    static func concept(_ term: String) -> CodedConcept {
        let meanings = [
            "CR": "Computed Radiography", "CT": "Computed Tomography", "DX": "Digital Radiography",
            "ES": "Endoscopy", "IO": "Intra-oral Radiography", "MG": "Mammography", "MR": "Magnetic Resonance",
            "NM": "Nuclear Medicine", "PT": "Positron emission tomography", "PX": "Panoramic X-Ray",
            "RF": "Radiofluoroscopy", "US": "Ultrasound", "XA": "X-Ray Angiography",
        ]
        guard let meaning = meanings[term] else { return CodedConcept("OT", "DCM", "Other Modality") }
        return CodedConcept(term, "DCM", meaning)
    }

    /// The concept of (0020,0062) or (0020,0060). Nil for "U", which means unpaired, and for anything else.
    static func laterality(_ term: String?) -> CodedConcept? {
        switch term {
        case "L": Concept.left
        case "R": Concept.right
        case "B": Concept.bilateral
        default: nil
        }
    }
}
