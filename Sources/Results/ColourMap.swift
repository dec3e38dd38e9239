/// The colours of the heatmaps: 256 steps from dark violet over red to light yellow. Lightness rises steadily and
/// neighbours are equally far apart in Oklab, so the map makes no false edges as a rainbow does.
/// Tests/Peers/colour_map.py computes it.
package enum ColourMap {
    /// Red, green and blue of each entry, one after the other.
    package static let bytes: [UInt8] = {
        let digits = table.utf8.compactMap { digit -> UInt8? in
            switch digit {
            case 0x30...0x39: digit - 0x30
            case 0x61...0x66: digit - 0x61 + 10
            default: nil
            }
        }
        return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }()

    private static let table = """
        21034823034924034a25044b27044c28044d29044e2b044f
        2c04502d04512f0452300552320553330554340555360556
        3705563905573a05583c06593d06593f065a40065b42065b
        43065c45075d46075d48075e49075e4b075f4c075f4e0860
        4f08605108615308615408625608625709625909635a0963
        5c09635e09645f0a64610a64620a65640a65650b65670b65
        690b656a0b666c0b666d0c666f0c66710c66720c66740d66
        760d66770d66790d667a0d667c0e667e0e667f0e66810e66
        820f66840f66860f66870f668910668a10668c10658e1065
        8f11659111659211659411649612649712649912639a1263
        9c13639e13629f1362a11462a21461a41461a61460a71560
        a91560aa155fac155fae165eaf165db1165db2175cb4175c
        b5175bb7175ab8185aba1859bc1858bd1858bf1957c01956
        c21955c31a55c51a54c61a53c81a52c91b51cb1b50cc1b4f
        ce1c4ed01c4dd11c4cd31c4bd41d49d61d48d71d47d81e46
        da1e44db1e43dd1e42de1f40e01f3fe1213de2233ce3253b
        e42739e52938e62a36e72c35e82e33e92f32ea3130eb332e
        ec342ced362aee3728ef3926f03b24f13c22f23e1ff23f1c
        f3411af3441bf3471bf3491bf24c1bf24e1bf2501cf2521c
        f2551cf2571cf2591cf25b1df25d1df25f1df2611df2631e
        f3651ef3671ef3691ef36a1ff36c1ff36e1ff3701ff3721f
        f47320f47520f47720f47820f47a21f57c21f57d21f57f21
        f58122f68222f68422f68622f68723f78923f78a23f78c24
        f88e24f88f24f89124f89225f99425f99525f99725fa9926
        fa9a26fa9c26fb9d26fb9f27fba027fba229fba42bfba52c
        fba72efba82ffbaa31fbac33fbad34fbaf36fcb037fcb239
        fcb33afcb53cfcb73dfcb83ffcba40fcbb42fcbd43fcbe44
        fcc046fcc147fcc348fcc54afcc64bfcc84cfcc94efccb4f
        fccc50fcce51fdcf52fdd154fdd255fdd456fdd557fdd757
        fdd958fdda59fddc5afddd5afddf5bfde05bfde15bfde35c
        fde45cfde65bfde75bfde95afdea5afdeb58feed57feee55
        feef54fef051fef14ffef24cfef348fef445fef540fef63b
        """
}
