/// The words that text keeps when it is cleaned: an allow-list of what descriptions of images are made of. A word that is not
/// here may be anybody's name and goes.
///
/// Words that are common family or given names are left out even where they are terms ("Young", "Ray", "Long", "Cross").
enum DescriptorVocabulary {
    /// Whether a word of letters and digits is on the list; lower case.
    static func contains(_ word: String) -> Bool { words.contains(word) || isMeasure(word) }

    /// A small number with the unit of a technique: "3mm", "120kv". A number alone may be an age or part of a date.
    private static func isMeasure(_ word: String) -> Bool {
        let digits = word.prefix { $0.isASCII && $0.isNumber || $0 == "." }
        guard (1...4).contains(digits.count), digits.count < word.count else { return false }
        return units.contains(String(word.dropFirst(digits.count)))
    }

    private static let units: Set<String> = [
        "mm", "cm", "kv", "kvp", "kev", "mas", "ma", "ml", "mhz", "hz", "fps", "tesla",
    ]

    private static let words: Set<String> = Set(
        """
        \(modalities) \(anatomy) \(directions) \(technique) \(sequences) \(findings) \(procedures) \(filling)
        """.split(whereSeparator: \.isWhitespace).map(String.init))

    private static let modalities = """
        cr ct mr mri us nm pt pet dx mg io xa rf sc cta mra mrv ctv mrcp cbct spect petct dexa xray x-ray radiograph radiography
        fluoroscopy fluoro ultrasound sonography mammography mammogram tomosynthesis tomo angiography angiogram angio scintigraphy
        echocardiography echo doppler ecg
        """

    private static let anatomy = """
        abdomen abdominal abdominopelvic adrenal airway ankle aorta aortic arch arm artery arterial axilla axillary bladder body
        bone bony bowel brachial brain breast bronchial bronchus calcaneus calf cardiac carotid carpal cava cerebellum cerebral
        cervical chest clavicle coccyx colon coronary cranial cranium diaphragm disc duct duodenum ear elbow esophagus extremity
        eye face facial femoral femur fetal fetus fibula finger foot forearm fossa gallbladder gland hand head heart heel hepatic
        hilar hilum hip humerus iliac intestine jaw joint kidney kidneys knee larynx leg limb liver lobe lumbar lumbosacral lung
        lungs lymph mandible maxilla mediastinal mediastinum metacarpal metatarsal muscle nasal neck node nodes optic orbit orbits
        ovary pancreas parotid patella pelvic pelvis pericardium pharynx pituitary pleura pleural prostate pulmonary radius rectum
        renal retina rib ribs sacral sacroiliac sacrum scalp scapula scrotum shoulder sinus sinuses skull spinal spine spleen
        sternum stomach teeth temporal testis thigh thoracic thoracolumbar thorax throat thumb thyroid tibia toe tongue trachea
        trunk ulna ureter urethra urinary uterus vascular vein venous ventricle ventricular vertebra vessel vessels whole
        wholebody wrist cspine tspine lspine c-spine t-spine l-spine iac tmj si gi cns
        """

    private static let directions = """
        ap pa lat lateral oblique ll rl lao rao anterior posterior superior inferior medial left right both bilateral upper lower
        axial sagittal coronal transverse transaxial oblique cor sag ax tra trans supine prone erect upright sitting standing
        decubitus portable mobile bedside frontal view views projection inspiration expiration expiratory inspiratory cranial
        caudal head-first feet-first hfs hfp ffs ffp dorsal ventral proximal distal
        """

    private static let technique = """
        acquisition algorithm annotated arm attenuation average baseline b-mode m-mode bolus breath breathhold breath-hold
        calibration cine coil collimation color colour contrast contrast-enhanced ce enhanced nonenhanced non-enhanced unenhanced
        plain native noncontrast non-contrast correction corrected uncorrected curved delayed delay derived detector dose low-dose
        low high dual-energy energy single dual dynamic early late emission enhancement equilibrium exposure fast fat fatsat
        fat-sat fat-saturated film filter filtered fine flow frame frames free full gated gating gradient grid helical
        high-resolution hr hrct image images imaging interval inversion iodine iodinated gadolinium oral iv intravenous kernel
        localizer localiser scout topogram surview magnitude map maps mask matrix max maximum mean min minimum mip minip mixed
        monitoring mpr motion multiphase multiplanar navigator nac ac noise normal oral original parametric perfusion phase phases
        portal post pre pre-contrast post-contrast protocol quantitative raw real reconstruction recon reformat reformatted
        reference region registration resolution respiratory rest roi routine run sample scan screening sequence series set
        slab slice slices smooth soft spiral standard static stress subtraction subtracted survey technique test thick thickness
        thin threshold time tissue tracer tracking triggered triphasic tube uptake venc volume volumetric vrt vr weighted window
        width level with without wo w wl ww 2d 3d 4d fdg psma mdp dtpa mibi mag3
        """

    private static let sequences = """
        t1 t2 t1w t2w t2star t2* pd pdw flair stir tir dwi dti adc swi bold fmri asl tof pc se tse fse fspgr spgr gre ge epi
        ssfse haste mprage mp2rage space cube vibe lava thrive ideal trufi fiesta bssfp ssfp flash spair spir
        dess medic blade propeller twist tricks isotropic iso mt mrs csi
        """

    private static let findings = """
        abnormal abscess acute age aneurysm appendicitis arthritis atelectasis benign bleeding calcification cancer carcinoma
        cardiomegaly change changes chronic collapse congestion consolidation cough cyst degenerative disease dislocation
        dissection dyspnea edema oedema effusion embolism emphysema fever fibrosis follow-up followup foreign fracture fractures
        granuloma hematoma hemorrhage hernia hydronephrosis infarct infarction infection inflammation injury ischemia lesion
        lesions malignant mass metastases metastasis negative nodule nodules obstruction opacity osteoarthritis pain pneumonia
        pneumothorax positive post-operative postoperative preoperative scar sepsis shortness stenosis stones stroke
        swelling syndrome thrombosis thrombus trauma tuberculosis tumor tumour unremarkable
        """

    private static let procedures = """
        ablation angioplasty aspiration biopsy bypass catheter check clinical control diagnosis diagnostic drain drainage dialysis
        emergency evaluation exam examination exclude finding findings guidance guided history icu impression implant indication
        inpatient outpatient insertion intervention interventional line marker measurement monitor needle operation patient
        picc placement planning port position postmortem procedure prosthesis radiotherapy report research result results review
        rule screening staging stent surgery surgical therapy transplant treatment trial tube unit ventilator
        allergy allergies penicillin latex contrast-agent coerce correct
        """

    private static let filling = """
        a all and are as at before after by during for from in is me no none not of on only or other over per same than the
        this two three four one first second third under via vs was were without yes unknown unspecified general limited
        complete combined partial initial final repeat additional left-sided right-sided multiple large new old
        """
}
