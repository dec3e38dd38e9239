import DCMTKBridge
import DICOMCore

/// Whether an object's pixels may show who the patient is, as far as its header says (PS3.15 E.3.1, E.3.2).
///
/// The sender's word is taken where it is given: NO in (0028,0301) or (0028,0302) is trusted, and never written by the node.
enum PixelCheck {
    /// Throws under ``PixelPolicy/refuse`` for what may show it. The header is the received one.
    static func check(
        _ header: borrowing DataSet, _ sopClass: SOPClassUID, _ policy: PixelPolicy
    ) throws(DeIdentificationError) {
        guard policy == .refuse else { return }
        if mayShowText(header, sopClass) { throw .mayShowText }
        if mayShowFace(header, sopClass) { throw .mayShowFace }
    }

    private static let root = "1.2.840.10008.5.1.4.1.1."

    private static func suffix(_ sopClass: SOPClassUID) -> String {
        let uid = sopClass.uid.value
        return uid.hasPrefix(root) ? String(uid.dropFirst(root.count)) : ""
    }

    // MARK: Burned-in text

    private static func mayShowText(_ header: borrowing DataSet, _ sopClass: SOPClassUID) -> Bool {
        switch header.string(.burnedInAnnotation) {
        case "NO": return false
        case "YES": return true
        default: break
        }
        if captured.contains(suffix(sopClass)) { return true }
        // DERIVED\SECONDARY: screen saves and reformats of a console. DERIVED\PRIMARY is what many detectors send.
        let imageType = header.strings(.imageType)
        return imageType.dropFirst().first == "SECONDARY" || imageType.contains { $0.contains("SCREEN") }
    }

    /// Classes whose pictures come from a screen or a camera, usually with text: ultrasound, secondary capture, X-ray
    /// angiography and fluoroscopy, visible light, video, ophthalmic photography.
    private static let captured: Set<String> = [
        "3", "3.1", "6", "6.1", "6.2", "7", "7.1", "7.2", "7.3", "7.4", "12.1", "12.1.1", "12.2", "12.2.1", "12.3",
        "77.1.1", "77.1.1.1", "77.1.2", "77.1.2.1", "77.1.3", "77.1.4", "77.1.4.1", "77.1.5.1", "77.1.5.2", "77.1.7",
        "77.1.8",
    ]

    // MARK: A face

    private static func mayShowFace(_ header: borrowing DataSet, _ sopClass: SOPClassUID) -> Bool {
        switch header.string(.recognizableVisualFeatures) {
        case "NO": return false
        case "YES": return true
        default: break
        }
        let suffix = suffix(sopClass)
        if suffix == craniofacial { return true }
        guard volumes.contains(suffix) else { return false }
        let parts = header.strings(.bodyPartExamined)
        if parts.contains(where: { headParts.contains($0.uppercased()) }) { return true }
        let regions = regionCodes(header)
        if !regions.isDisjoint(with: headCodes) { return true }
        // Most senders leave both out; then the descriptions are asked, which are still there.
        return parts.allSatisfy(\.isEmpty) && regions.isEmpty && descriptionsNameTheHead(header)
    }

    /// CT, MR and PET, plain, enhanced and legacy converted.
    private static let volumes: Set<String> = ["2", "2.1", "2.2", "4", "4.1", "4.3", "4.4", "128", "128.1", "130"]
    /// X-Ray 3D Craniofacial.
    private static let craniofacial = "13.1.2"

    /// Defined terms of Body Part Examined (PS3.16 Annex L) that hold the face or a part of it.
    private static let headParts: Set<String> = [
        "HEAD", "HEADNECK", "SKULL", "BRAIN", "FACE", "ORBIT", "EYE", "EYES", "EAR", "IAC", "SINUS", "JAW", "MAXILLA",
        "MANDIBLE", "TMJ", "ZYGOMA", "NOSE", "NASALBONE", "NECK", "TEMPORALBONE", "WHOLEBODY",
    ]
    /// The same of SNOMED CT, and the retired SRT codes.
    private static let headCodes: Set<String> = [
        "69536005", "774007", "89546000", "12738006", "89545001", "363654007", "81745001", "117590005", "361078006",
        "2095001", "661005", "70925003", "91609006", "53620006", "13881006", "45206002", "74386004", "45048000",
        "60911003", "38266002", "91397008", "417437006", "416152001", "416319003",
        "T-D1100", "T-D1000", "T-11100", "T-A0100", "T-D1200", "T-D14AE", "T-AA000", "T-AB001", "T-AB959", "T-22000",
        "T-D1213", "T-11170", "T-11180", "T-15290", "T-11166", "T-21000", "T-11149", "T-D1600", "T-11130", "T-D0010",
        "T-11196", "R-FAB52", "R-FAB53", "R-FAB54",
    ]

    private static func regionCodes(_ header: borrowing DataSet) -> Set<String> {
        var codes: Set<String> = []
        for index in 0..<header.itemCount(.anatomicRegionSequence) {
            guard let item = try? header.item(.anatomicRegionSequence, at: index) else { continue }
            if let code = item.string(.codeValue), !code.isEmpty { codes.insert(code) }
        }
        return codes
    }

    private static func descriptionsNameTheHead(_ header: borrowing DataSet) -> Bool {
        for tag: Tag in [.studyDescription, .seriesDescription, .protocolName, .requestedProcedureDescription] {
            let words = (header.string(tag) ?? "").lowercased().split { !$0.isLetter }
            if words.contains(where: { headWords.contains(String($0)) }) { return true }
        }
        return false
    }

    /// English, German, French, Spanish, Italian.
    private static let headWords: Set<String> = [
        "head", "brain", "skull", "face", "facial", "cranial", "cranium", "cerebral", "neuro", "orbit", "orbits",
        "sinus",
        "sinuses", "nnh", "iac", "pituitary", "stroke", "kopf", "schädel", "schaedel", "gesicht", "hirn", "cct",
        "crâne",
        "crane", "cerveau", "tête", "cabeza", "cráneo", "craneo", "cerebro", "testa", "cranio", "encefalo", "wholebody",
    ]
}
