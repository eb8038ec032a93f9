"""Guards the mechanism per script: a question finds its paragraph among others in its own language."""

# ruff: noqa: RUF001  other scripts have letters that look like Latin ones
from __future__ import annotations

import sqlite3

import pytest

from calypso_mcp.local.indexing.chunking import split
from calypso_mcp.local.indexing.documents import FileContent
from calypso_mcp.local.indexing.formats.data.delimited import read_text
from calypso_mcp.local.retrieval import index
from calypso_mcp.local.retrieval.search import search

#: Per language, paragraphs about refunds, shipping, the warranty and opening hours, in this order.
PARAGRAPHS = {
    "English": (
        "Customers get their money back within fourteen days after a parcel is returned.",
        "Parcels leave the warehouse on the day of the order and arrive two days later.",
        "Every lamp is guaranteed for five years; broken switches are replaced without charge.",
        "The shop opens at nine in the morning and closes at six, on Saturdays at two.",
    ),
    "German": (
        "Kunden erhalten ihr Geld innerhalb von vierzehn Tagen nach der Rücksendung zurück.",
        "Pakete verlassen das Lager am Tag der Bestellung und kommen zwei Tage später an.",
        "Für jede Lampe gilt eine Garantie von fünf Jahren; defekte Schalter werden ersetzt.",
        "Das Geschäft öffnet um neun Uhr morgens und schließt um sechs, samstags um zwei.",
    ),
    "Russian": (
        "Покупатели получают деньги обратно в течение четырнадцати дней после возврата посылки.",
        "Посылки покидают склад в день заказа и приходят через два дня.",
        "На каждую лампу даётся гарантия пять лет; сломанные выключатели заменяются бесплатно.",
        "Магазин открывается в девять утра и закрывается в шесть, по субботам в два.",
    ),
    "Arabic": (
        "يسترد العملاء أموالهم خلال أربعة عشر يوما من إرجاع الطرد.",
        "تغادر الطرود المستودع في يوم الطلب وتصل بعد يومين.",
        "كل مصباح مضمون لمدة خمس سنوات وتستبدل المفاتيح المكسورة مجانا.",
        "يفتح المتجر في التاسعة صباحا ويغلق في السادسة، وأيام السبت في الثانية.",
    ),
    "Hindi": (
        "पार्सल लौटाने के बाद ग्राहकों को चौदह दिनों में पैसे वापस मिलते हैं।",
        "पार्सल ऑर्डर के दिन गोदाम से निकलते हैं और दो दिन बाद पहुँचते हैं।",
        "हर लैंप की पाँच साल की गारंटी है; टूटे हुए स्विच मुफ़्त बदले जाते हैं।",
        "दुकान सुबह नौ बजे खुलती है और छह बजे बंद होती है, शनिवार को दो बजे।",
    ),
    "Thai": (
        "ลูกค้าจะได้รับเงินคืนภายในสิบสี่วันหลังจากส่งพัสดุกลับ",
        "พัสดุออกจากคลังสินค้าในวันที่สั่งซื้อและถึงภายในสองวัน",
        "โคมไฟทุกดวงรับประกันห้าปี สวิตช์ที่เสียเปลี่ยนให้ฟรี",
        "ร้านเปิดเก้าโมงเช้าและปิดหกโมงเย็น วันเสาร์ปิดบ่ายสอง",
    ),
    "Chinese": (
        "顾客退回包裹后十四天内可以拿回货款。",
        "包裹在下单当天离开仓库，两天后送达。",
        "每盏灯保修五年，损坏的开关免费更换。",
        "商店早上九点开门，六点关门，星期六两点关门。",
    ),
    "Japanese": (
        "お客様は荷物を返送してから十四日以内に返金を受け取ります。",
        "荷物は注文の日に倉庫を出て、二日後に届きます。",
        "すべてのランプは五年間の保証付きで、壊れたスイッチは無料で交換します。",
        "店は朝九時に開き、六時に閉まります。土曜日は二時までです。",
    ),
    "Korean": (
        "고객은 소포를 반품한 뒤 십사 일 안에 환불을 받습니다.",
        "소포는 주문한 날 창고에서 나가 이틀 뒤에 도착합니다.",
        "모든 램프는 오 년 동안 보증되며 고장 난 스위치는 무료로 교체됩니다.",
        "가게는 아침 아홉 시에 열고 여섯 시에 닫으며 토요일에는 두 시에 닫습니다.",
    ),
}

#: A question in other words or forms than the paragraph, and the position of its answer.
QUESTIONS = {
    "English": (
        ("When will my returned parcels be paid back in money?", 0),
        ("Is a lamp's switch guaranteed?", 2),
    ),
    "German": (("Wann bekomme ich mein Geld nach einer Rücksendung?", 0), ("Wann schließt das Geschäft?", 3)),
    "Russian": (("Какая гарантия на лампы и выключатель?", 2), ("Когда магазины закрываются в субботу?", 3)),
    "Arabic": (("هل المصابيح مضمونة؟ كم سنة ضمان المصباح", 2), ("متى يغلق متجركم يوم السبت", 3)),
    "Hindi": (("लैंपों की गारंटी कितने सालों की है?", 2), ("दुकानें शनिवार को कब बंद होती हैं?", 3)),
    "Thai": (("รับเงินคืนได้เมื่อไร", 0), ("โคมไฟรับประกันกี่ปี", 2)),
    "Chinese": (("灯的保修期是多少年？", 2), ("包裹什么时候离开仓库？", 1), ("灯", 2)),
    "Japanese": (("ランプの保証は何年ですか", 2), ("荷物はいつ倉庫を出ますか", 1), ("朝", 3)),
    "Korean": (("램프의 보증은 몇 년인가요", 2), ("소포를 반품하면 환불은 언제", 0)),
}


@pytest.mark.parametrize(
    ("language", "question", "answer"),
    [(language, question, answer) for language, asked in QUESTIONS.items() for question, answer in asked],
)
def test_a_question_finds_its_paragraph_first(language: str, question: str, answer: int) -> None:
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(index.SCHEMA)
        for paragraphs in PARAGRAPHS.values():
            for text in paragraphs:
                index.add(
                    connection, text, ["all"], None, "page.txt", split(read_text(FileContent(text.encode())))
                )
        [best, *_] = search(connection, question, ["all"], limit=5)
    finally:
        connection.close()
    assert best.text == PARAGRAPHS[language][answer]
