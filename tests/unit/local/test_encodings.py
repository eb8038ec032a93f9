"""Sentences in twenty-seven languages come back from each encoding that those were written in."""

# ruff: noqa: E501, RUF001  sentences stand on one line, in the letters of their language

from __future__ import annotations

import pytest

from calypso_mcp.local.indexing.formats.encodings.decoding import decode

#: By language: a sentence or two, and the encodings.
SAMPLES = {
    "polish": (
        "Urlop trwa dwadzieścia sześć dni. Okres wypowiedzenia wynosi trzy miesiące, a łączny czas pracy liczy się od źródła żółci.",
        "cp1250 iso8859-2 cp852",
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
        "cp1257",
    ),
    "latvian": (
        "Ikgadējais atvaļinājums ir četras nedēļas. Uzteikuma termiņš ir viens mēnesis, ja nav citas vienošanās.",
        "cp1257",
    ),
    "chinese": (
        "年假为每年十五天，试用期员工除外。请假须提前三天通知主管，使用统一的申请表格。使用Python开发API接口。",
        "gb18030 gbk",
    ),
    "taiwanese": ("年假為每年十五天，試用期員工除外。請假須提前三天通知主管。", "big5"),
    "japanese": (
        "年次有給休暇は十五日です。試用期間の従業員は除きます。APIを使用する。",
        "shift_jis euc-jp iso-2022-jp",
    ),
    "korean": ("연차 휴가는 십오 일입니다. 수습 직원은 제외됩니다. API 사용.", "euc-kr cp949"),
    "english with russian": (
        "The Russian office says: Отпуск составляет двадцать восемь дней. And nothing more than that was said in the whole of this long English text, which goes on and on.",
        "cp1251 koi8-r",
    ),
}
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
