"""A patient's name in each character set of PS3.3 C.12.1.1.2, as it is encoded and as it may be echoed in text."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass


@dataclass
class NamedPatient:
    """`parts` are found nowhere else; `echoes` are texts in the same character set that hold them."""

    encoded: bytes
    echoes: list[bytes]
    parts: list[str]


CODECS = [
    "utf-8", "utf-16-le", "utf-16-be", "latin-1", "iso8859-2", "iso8859-3", "iso8859-4", "iso8859-5", "iso8859-6",
    "iso8859-7", "iso8859-8", "iso8859-9", "iso8859-15", "shift_jis", "tis-620", "gb18030", "gbk", "gb2312", "euc_kr",
    "euc_jp", "iso2022_jp_2",
]
"""Everything that a name could have been written in; the scorer looks for all of them."""


def without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def single(codec: str, family: str, given: str) -> NamedPatient:
    """One component group in a single-byte set, or in one that stands alone."""
    echoes = [f"seen: {given} {family}", f"{family.upper()}", f"x{family.lower()}x", f"{given}{family} again"]
    plain = without_accents(family)
    if plain.isascii():
        echoes.append(f"spelled {plain.lower()}")
    return NamedPatient(f"{family}^{given}".encode(codec), [echo.encode(codec) for echo in echoes], [family, given])


def japanese(first: bytes, ideographic: str, phonetic: str, parts: list[str], codec: str) -> NamedPatient:
    """Three component groups with ISO 2022 escape sequences. The codec ends each run in ASCII before a delimiter."""
    encoded = first + b"=" + ideographic.encode(codec) + b"=" + phonetic.encode(codec)
    echoes = [f"scan of {parts[0]}".encode(codec), f"{parts[-1]} again".encode(codec)]
    return NamedPatient(encoded, echoes, parts)


def extended(prefix: bytes, codec: str, encoded: bytes, parts: list[str]) -> NamedPatient:
    """G1 designated by an escape sequence, as Korean and simplified Chinese are."""
    return NamedPatient(encoded, [b"scan of " + prefix + part.encode(codec) for part in parts], parts)


KOREAN = b"\x1b$)C"
CHINESE = b"\x1b$)A"
KATAKANA = "ﾔﾏﾀﾞｻﾞｷ^ﾀﾛｳｼﾞ".encode("shift_jis")

CHARACTER_SETS: dict[str, NamedPatient] = {
    "ISO_IR 192": single("utf-8", "Nguyễnweiß", "Þórðurson"),
    "ISO_IR 100": single("latin-1", "Müllersön", "Jérômiel"),
    "ISO_IR 101": single("iso8859-2", "Wałęsawsk", "Łukaszek"),
    "ISO_IR 109": single("iso8859-3", "Ĉapelĝosk", "Ŭolframo"),
    "ISO_IR 110": single("iso8859-4", "Šķēlesons", "Ģirtanis"),
    "ISO_IR 144": single("iso8859-5", "Люксембуржев", "Святогорин"),
    "ISO_IR 127": single("iso8859-6", "قبانيزاد", "لنزارين"),
    "ISO_IR 126": single("iso8859-7", "Διονυσιακης", "Αριστοφιλος"),
    "ISO_IR 138": single("iso8859-8", "שרוניאל", "דבורהלה"),
    "ISO_IR 148": single("iso8859-9", "Çavuşoğlan", "Şükrüyen"),
    "ISO_IR 203": single("iso8859-15", "Œuvrardin", "Žofielle"),
    "ISO_IR 166": single("tis-620", "สมชายนาม", "ใจดีมาก"),
    "GB18030": single("gb18030", "王东方朔", "小龍女兒"),
    "GBK": single("gbk", "王东方朔之", "小龍女兒之"),
    "ISO_IR 13": NamedPatient(
        KATAKANA, ["ｺﾚﾊ ﾔﾏﾀﾞｻﾞｷ".encode("shift_jis"), "ﾀﾛｳｼﾞ ﾃﾞｽ".encode("shift_jis")], ["ﾔﾏﾀﾞｻﾞｷ", "ﾀﾛｳｼﾞ"]),
    "\\ISO 2022 IR 87": japanese(
        b"Yamadazaki^Tarouji", "山田崎^太郎次", "やまだざき^たろうじ",
        ["山田崎", "太郎次", "やまだざき", "Yamadazaki", "Tarouji"], "iso2022_jp"),
    "ISO 2022 IR 13\\ISO 2022 IR 87": japanese(
        KATAKANA, "山田崎^太郎次", "やまだざき^たろうじ", ["山田崎", "ﾔﾏﾀﾞｻﾞｷ", "たろうじ"], "iso2022_jp"),
    # JIS X 0212 has what JIS X 0208 lacks.
    "\\ISO 2022 IR 87\\ISO 2022 IR 159": japanese(
        b"Takahashino^Kei", "丂彬野^丄介次", "たかはしの^けい", ["丂彬野", "たかはしの"], "iso2022_jp_2"),
    "\\ISO 2022 IR 149": extended(
        KOREAN, "euc_kr",
        b"Honggil^Dongsu=" + b"^".join(KOREAN + part.encode("euc_kr") for part in ("洪吉", "東秀"))
        + b"=" + b"^".join(KOREAN + part.encode("euc_kr") for part in ("홍길", "동수길")),
        ["洪吉", "東秀", "동수길"]),
    "\\ISO 2022 IR 58": extended(
        CHINESE, "gb2312",
        b"Zhangfei^XiaoDongfang=" + b"^".join(CHINESE + part.encode("gb2312") for part in ("张飞龙", "小东方")) + b"=",
        ["张飞龙", "小东方"]),
    "ISO 2022 IR 100\\ISO 2022 IR 144": NamedPatient(
        b"B\xfcchnerling^J\xf6rgen=" + b"\x1b-L" + "Люксембург".encode("iso8859-5")
        + b"^\x1b-L" + "Святослав".encode("iso8859-5"),
        [b"\x1b-L" + "тест Святослав".encode("iso8859-5"), b"J\xf6rgen B\xfcchnerling"],
        ["Büchnerling", "Jörgen", "Святослав"]),
}
