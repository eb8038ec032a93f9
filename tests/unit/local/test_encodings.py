"""Sentences in twenty-seven languages come back from each encoding that those were written in."""

# ruff: noqa: E501, RUF001  sentences stand on one line, in the letters of their language

from __future__ import annotations

from random import Random

import pytest

from calypso_mcp.local.indexing.documents import ExtractionFailed
from calypso_mcp.local.indexing.formats.encodings.decoding import Decoded, decode
from calypso_mcp.local.indexing.formats.encodings.labels import xml_encoding

#: By language: a sentence or two, and the encodings.
SAMPLES = {
    "polish": (
        "Urlop trwa dwadzieścia sześć dni. Okres wypowiedzenia wynosi trzy miesiące, a łączny czas pracy liczy się od źródła żółci.",
        "cp1250 iso8859-2 cp852 mac-latin2",
    ),
    "czech": (
        "Dovolená trvá dvacet pět dnů. Výpovědní lhůta činí dva měsíce, žádost podává zaměstnanec předem.",
        "cp1250 iso8859-2 cp852",
    ),
    "hungarian": (
        "Az éves szabadság huszonöt nap. A felmondási idő három hónap, köszönjük a türelmét és a megértő hozzáállást.",
        "cp1250 iso8859-2",
    ),
    "romanian": (
        "Concediul anual este de douăzeci de zile. Preavizul este de două luni înainte de plecare, dacă părțile nu au convenit altfel.".replace(
            "ț", "ţ"
        ),
        "cp1250 iso8859-2",
    ),
    "french": (
        "L'été dernier, nous avons créé un congé spécial. Le préavis est de deux mois où il n'y a pas d'accord.",
        "cp1252 mac-roman cp850 iso8859-15",
    ),
    "german": (
        "Die Kündigungsfrist beträgt drei Monate. Überstunden werden ausgezahlt. Größe und Maß stehen im Anhang.",
        "cp1252 mac-roman cp850 cp437",
    ),
    "spanish": (
        "El año próximo la compañía ofrecerá más días de vacaciones según antigüedad. ¿Quién lo decidió?",
        "cp1252 mac-roman cp850",
    ),
    "portuguese": (
        "As férias são de vinte e dois dias úteis. O aviso prévio é de três meses e não pode ser reduzido.",
        "cp1252 mac-roman",
    ),
    "italian": (
        "Le ferie sono ventidue giorni. Il preavviso è di tre mesi, perché così è già stato deciso; non si può più ridurre.",
        "cp1252 mac-roman",
    ),
    "swedish": (
        "Semestern är tjugofem dagar. Uppsägningstiden är tre månader för alla anställda.",
        "cp1252 mac-roman cp850",
    ),
    "danish": (
        "Ferien er på femogtyve dage. Opsigelsesvarslet er på tre måneder for alle ansatte i vores afdeling i København.",
        "cp1252",
    ),
    "finnish": (
        "Vuosiloma on kolmekymmentä päivää. Irtisanomisaika on yksi kuukausi ennen työsuhteen päättymistä.",
        "cp1252",
    ),
    "turkish": (
        "Yıllık izin on dört gündür. İşten ayrılmadan önce bildirim süresi sekiz haftadır.",
        "cp1254",
    ),
    "russian": (
        "Отпуск составляет двадцать восемь календарных дней. Срок уведомления один месяц.",
        "cp1251 koi8-r cp866 mac-cyrillic iso8859-5",
    ),
    "ukrainian": (
        "Щорічна відпустка становить двадцять чотири дні. Їхній термін попередження два місяці, якщо є згода.",
        "cp1251 koi8-u",
    ),
    "bulgarian": (
        "Годишният отпуск е двадесет дни. Срокът на предизвестието е един месец за всички служители.",
        "cp1251",
    ),
    "greek": (
        "Η ετήσια άδεια είναι είκοσι ημέρες. Η προθεσμία ειδοποίησης είναι ένας μήνας.",
        "cp1253 iso8859-7",
    ),
    "hebrew": ("החופשה השנתית היא חמישה עשר ימים. תקופת ההודעה המוקדמת היא חודש אחד.", "cp1255"),
    "arabic": ("الإجازة السنوية خمسة عشر يوما. مدة الإشعار شهر واحد قبل انتهاء العقد.", "cp1256 iso8859-6"),
    "thai": ("วันลาพักร้อนประจำปีคือสิบห้าวัน ต้องแจ้งล่วงหน้าหนึ่งเดือนก่อนวันลา", "tis-620 cp874"),
    "lithuanian": (
        "Kasmetinės atostogos trunka dvidešimt dienų. Įspėjimo terminas yra vienas mėnuo.",
        "cp1257 iso8859-4 iso8859-13 cp775",
    ),
    "latvian": (
        "Ikgadējais atvaļinājums ir četras nedēļas. Uzteikuma termiņš ir viens mēnesis, ja nav citas vienošanās.",
        "cp1257 iso8859-4 iso8859-13",
    ),
    "chinese": (
        "年假为每年十五天，试用期员工除外。请假须提前三天通知主管，使用统一的申请表格。使用Python开发API接口。",
        "gb18030 gbk hz",
    ),
    "taiwanese": ("年假為每年十五天，試用期員工除外。請假須提前三天通知主管。", "big5"),
    "japanese": (
        "年次有給休暇は十五日です。試用期間の従業員は除きます。APIを使用する。",
        "shift_jis euc-jp iso-2022-jp",
    ),
    "korean": ("연차 휴가는 십오 일입니다. 수습 직원은 제외됩니다. API 사용.", "euc-kr cp949 iso2022_kr"),
    "english with russian": (
        "The Russian office says: Отпуск составляет двадцать восемь дней. And nothing more than that was said in the whole of this long English text, which goes on and on.",
        "cp1251 koi8-r",
    ),
}
#: Tables with few letters to judge by, and the encodings.
TABLES = {
    "german": ("Kunde;Ort\nMüller;München\nGroß;Düren\n", "mac-roman cp1252 cp850"),
    "french": ("nom,ville\nAndré,Orléans\nFrançois,Besançon\n", "mac-roman cp1252 cp850"),
    "swedish": ("kund,ort\nSören,Malmö\nPär,Skövde\n", "mac-roman cp1252 cp850"),
    "mixed": ("name,city\nJosé,Málaga\nZoë,Köln\n", "mac-roman cp1252"),
    "czech": ("jméno;město\nJiří;Plzeň\n", "cp1250 iso8859-2"),
    "turkish": ("ad,şehir\nIşık,İzmir\nGüneş,Muğla\n", "cp1254"),
    "russian": ("имя;город\nПётр;Псков\n", "cp1251 koi8-r cp866"),
    "japanese": ("品名,単価\nりんご,120\nみかん,80\n", "shift_jis euc-jp"),
    "korean": ("이름,도시\n김철수,서울\n", "euc-kr"),
    "chinese": ("姓名,城市\n王小明,上海\n", "gbk hz"),
}
#: What looks like letters spelled in ASCII, and is not.
ASCII = ("phone +4712-34 and c+abc-d", "set ~{abc~} aside", "a~{}b~}", "x = +ABC-;")
CASES = [(language, encoding) for language, (_, names) in SAMPLES.items() for encoding in names.split()]


@pytest.mark.parametrize(("language", "encoding"), CASES)
def test_a_sentence_comes_back_from_its_encoding(language: str, encoding: str) -> None:
    text = SAMPLES[language][0]
    found = decode(text.encode(encoding))
    assert found.text == text
    assert found.warnings, "what was guessed is said"


@pytest.mark.parametrize("language", SAMPLES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_unicode_is_known_and_not_guessed(language: str, encoding: str) -> None:
    text = SAMPLES[language][0]
    found = decode(text.encode(encoding))
    assert (found.text, found.warnings) == (text, ())


@pytest.mark.parametrize(
    ("language", "encoding"),
    [(language, encoding) for language, (_, names) in TABLES.items() for encoding in names.split()],
)
def test_a_short_table_comes_back_from_its_encoding(language: str, encoding: str) -> None:
    text = TABLES[language][0]
    assert decode(text.encode(encoding)).text == text


@pytest.mark.parametrize("text", ASCII)
def test_ascii_stays_as_it_is(text: str) -> None:
    assert (decode(text.encode()).text, decode(text.encode()).warnings) == (text, ())


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [
        ("hz-gb-2312", "hz", "年假为每年十五天"),
        ("iso-2022-kr", "iso2022_kr", "연차 휴가"),
        ("iso-2022-jp", "iso2022_jp", "年次有給休暇"),
        ("utf-7", "utf-7", "Kündigung in Köln"),
    ],
)
def test_letters_spelled_in_seven_bits_are_read_as_declared(label: str, codec: str, text: str) -> None:
    assert decode(text.encode(codec), label).text == text


def test_half_a_surrogate_pair_in_seven_bits_is_replaced() -> None:
    assert decode(b"Half +2D0- an emoji, K+APY-ln", "utf-7").text == "Half ? an emoji, K\xf6ln"


def test_text_that_spells_no_words_in_any_encoding_is_refused() -> None:
    noise = bytes(range(0x80, 0x100)) * 4
    with pytest.raises(ExtractionFailed, match="Save it as UTF-8"):
        decode(b"x" + noise)


@pytest.mark.parametrize(
    "noise",
    [
        b"\xff" * 9,
        b"\xff\xff\xff \xff\xff\n" * 40,
        b"ab\xffc\xff \xffcab\xff " * 40,
        b"\xfe\xff" + b"\xff\xfe" * 90,
        b"\xff\xfe" + b"\xff\xff" * 90,
        *(bytes(Random(seed).choices(range(0x80, 0x100), k=3_000)) for seed in range(3)),
        *(bytes(Random(seed).choices([*range(0xA0, 0x100), *b" " * 24], k=3_000)) for seed in range(3)),
    ],
)
def test_padding_and_random_bytes_are_no_text(noise: bytes) -> None:
    with pytest.raises(ExtractionFailed):
        decode(noise)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("A chave do armazém de São João está na recepção até às nove da manhã.", "cp860"),
        ("Το κλειδί της αποθήκης στην Πάτρα το κρατά ο φύλακας μέχρι το μεσημέρι.", "mac-greek"),
        ("Ќе го отвориме магацинот во Охрид, ѓубрето се изнесува во среда.", "cp1251"),
        ("会津の倉庫の鍵は守衛が持っています。", "utf-7"),
        ("Die Tür zum Gewölbe in Würzburg öffnet Frau Müßig.", "utf-7"),
    ],
)
def test_a_sentence_comes_back_from_a_rare_encoding(text: str, encoding: str) -> None:
    assert decode(f"{text}\n".encode(encoding)).text == f"{text}\n"


@pytest.mark.parametrize(
    ("text", "encodings"),
    [
        ("ВХОД ВОСПРЕЩЁН: ГАГАРЫ ГНЕЗДЯТСЯ", "cp1251 koi8-r cp866 iso8859-5"),
        ("СКЛАД ЗАКРЫТ", "cp1251"),
        ("ΠΡΟΣΟΧΗ: Ο ΠΕΛΑΡΓΟΣ ΦΩΛΙΑΖΕΙ", "cp1253 iso8859-7"),
        ("WYPOWIEDZENIE UMOWY WYNOSI PIĘĆ DNI", "cp1250 iso8859-2"),
        ("GRÖSSE DER ÖFFNUNG FÜR ÄPFEL", "cp1252 cp850"),
    ],
)
def test_a_notice_in_capitals_comes_back_from_its_encoding(text: str, encodings: str) -> None:
    assert {encoding: decode(text.encode(encoding)).text for encoding in encodings.split()} == dict.fromkeys(
        encodings.split(), text
    )


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Größe in Köln\n".encode() + "für Jürgen\n".encode("cp1252"), "Größe in Köln\nfür Jürgen\n"),
        ("вход закрыт\n".encode() + "скидка детям\n".encode("cp1251"), "вход закрыт\nскидка детям\n"),
        ("zwölf Schüler in Überlingen".encode() + b"\xc3", "zwölf Schüler in Überlingen\ufffd"),
    ],
)
def test_utf8_with_other_bytes_in_it_is_read_and_that_is_said(data: bytes, text: str) -> None:
    found = decode(data)
    assert found.text == text
    assert found.warnings


@pytest.mark.parametrize(
    "text",
    [
        "Größe in Köln",
        "“Ready”, she said – à propos",
        "вход закрыт с 9 утра",
        "三十天内退货",
        "Žluťoučký kůň 😀",
    ],
)
def test_utf8_encoded_twice_is_read_as_it_was_before(text: str) -> None:
    taken_for_letters = (bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in text.encode())
    found = decode("".join(taken_for_letters).encode())
    assert found.text == text
    assert found.warnings


@pytest.mark.parametrize("text", ["Müller wrote Ã¤ for ä", "1 Â = 1 Å", "Ã", "© 2026, 5 €", "Ã¤ стоит 5 €"])
def test_utf8_that_only_shows_such_letters_stays_as_it_is(text: str) -> None:
    assert decode(text.encode()) == Decoded(text, "utf-8")


@pytest.mark.parametrize("encoding", ["koi8-r", "utf-8"])
def test_an_xml_declaration_names_its_encoding(encoding: str) -> None:
    assert xml_encoding(f"<?xml version='1.0' encoding='{encoding}'?><p/>".encode(encoding)) == encoding


def test_an_encoding_that_does_not_fit_what_is_declared_is_said() -> None:
    text = "Der Bäcker bäckt früh, und die Mühle in Käsdorf mahlt nachts."
    [warning] = decode(text.encode("cp1252"), "shift_jis").warnings
    assert "(it says shift_jis, which does not fit)" in warning


def test_surrogates_of_old_databases_are_joined() -> None:
    assert decode("Grüße \ud83d\ude00".encode("utf-8", "surrogatepass")).text == "Grüße 😀"


@pytest.mark.parametrize(
    "text",
    [
        "Price: €50",
        "20 °C max, ±5 %",
        "§ 5 applies",
        "© 2024 Acme®",
        "10\xa0000 files",
        "« Yes »",
        "• 3 × 5 µm",
    ],
)
def test_english_with_a_few_signs_comes_back_from_windows(text: str) -> None:
    assert decode(text.encode("cp1252")).text == text


@pytest.mark.parametrize("text", ["Total: 12 €", "Der Preis beträgt 12 € je Stück.", "Œuvre à 5 €"])
def test_the_euro_of_latin_9_is_no_sign_for_any_currency(text: str) -> None:
    assert decode(text.encode("iso8859-15")).text == text


@pytest.mark.parametrize("damaged", [b"fee,due\n\0nine,ten\n", b"fee,due\nnine,ten\n" + b"\0" * 40])
def test_zeros_in_ascii_are_damage_and_no_other_encoding(damaged: bytes) -> None:
    assert decode(damaged).text == "fee,due\nnine,ten\n"


@pytest.mark.parametrize("declared", ["", "utf-8"])
def test_lines_in_another_encoding_are_read_in_it_and_damaged_ones_are_not(declared: str) -> None:
    lines = "Die Mühle in Käsdorf mahlt nachts.\n" * 30
    appended = decode(lines.encode() + "Der Bäcker bäckt früh.\n".encode("cp1252"), declared)
    assert appended.text == lines + "Der Bäcker bäckt früh.\n"
    assert "windows-1252" in appended.warnings[0]
    for damaged in ("Der Bäcker bäckt".encode() + b" fr\xc3h \xe4.\n", b"Der Baecker baeckt fr\xc3h.\n"):
        found = decode(lines.encode() + damaged, declared)
        assert found.encoding == "utf-8"
        assert "damaged" in found.warnings[0]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"\x1b[31;1mERROR\x1b[0m door\n", "ERROR door\n"),
        (b"\x1b]0;build\x07door \x1b]8;;http://a\x1b\\open\x1b]8;;\x1b\\\n", "door open\n"),
        (b"N\bNA\bAM\bME\bE _\bo_\bf door\n", "NAME of door\n"),
        ("Café\n\x1a".encode("cp1252"), "Café\n"),
    ],
)
def test_a_text_is_read_without_what_moves_terminals_and_printers(raw: bytes, shown: str) -> None:
    assert decode(raw).text == shown
