/// Defined terms of coded strings that the node's own decisions rest on (scope of a model, orientation, photometric
/// interpretation). A patient may be called "Chest" or "Hand": a value that is one of these is vocabulary, not an echo
/// of a name.
enum StandardTerms {
    /// Whether a single value of a coded string, without padding, is a defined term.
    static func contains(_ value: UnsafeRawBufferPointer) -> Bool {
        terms.contains(String(decoding: value, as: UTF8.self))
    }

    /// PS3.3 C.7.3.1.1.1 (Modality), C.7.6.1.1.2 (Image Type), C.7.6.3.1.2 (Photometric Interpretation), PS3.16 Annex
    /// L (Body Part
    /// Examined), CID 4009 ff. (View Position), C.7.6.1.1.1 (Patient Orientation), C.8.15.2 (Patient Position).
    private static let terms: Set<String> = Set(
        """
        CR CT MR US NM PT DX MG IO XA RF SC OT PX ES XC SM GM BI BMD RTIMAGE RTSTRUCT RTPLAN RTDOSE SR KO PR SEG REG DOC ECG
        ORIGINAL DERIVED MIXED PRIMARY SECONDARY AXIAL LOCALIZER OTHER REFORMATTED MPR PROJECTION VOLUME STATIC DYNAMIC GATED
        PERFUSION DIFFUSION ANGIO MOSAIC CARDIAC FLUOROSCOPY OBSTETRICAL ABDOMINAL VASCULAR GENERAL
        MONOCHROME1 MONOCHROME2 RGB YBR_FULL YBR_FULL_422 YBR_ICT YBR_RCT
        ABDOMEN ABDOMENPELVIS ANKLE ARM BREAST CERVIX CHEST CHESTABDOMEN CHESTABDPELVIS CLAVICLE COCCYX CSPINE ELBOW EXTREMITY EYE
        FOOT FOREARM HAND HEAD HEADNECK HEART HIP HUMERUS JAW KNEE LEG LSPINE LUNG MEDIASTINUM NECK PELVIS RIB SHOULDER SKULL SPINE
        SSPINE STERNUM THORAX THUMB TOE TSPINE WHOLEBODY WRIST
        AP PA LL RL LLD LLO RLD RLO LAT LATERAL OBLIQUE ERECT UPRIGHT SUPINE PRONE DECUBITUS STANDING
        A P L R F H AL AR PL PR HFS HFP HFDR HFDL FFS FFP FFDR FFDL B U LEFT RIGHT BOTH NONE
        YES NO M F O IDENTITY LINEAR SIGMOID LINEAR_EXACT
        """.split(whereSeparator: \.isWhitespace).map(String.init) + ["PALETTE COLOR", "SMPTE COLOR"])
}
