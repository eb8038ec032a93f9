"""Words that say nothing about what is sought; dropped from queries, never from passages."""

# ruff: noqa: RUF001  other scripts have letters that look like Latin ones

from __future__ import annotations

import re

from calypso_mcp.domain.unicode_forms import normalize

_ENGLISH = """
    i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her
    hers herself it its itself they them their theirs themselves what which who whom whose this that
    these those am is are was were be been being have has had having do does did doing a an the and but
    if or because as until while of at by for with about against between into through during before
    after above below to from up down in out on off over under again further then once here there when
    where why how all any both each few more most other some such no nor not only own same so than too
    very can could will would should just don now
"""
ENGLISH = frozenset(_ENGLISH.split())

#: Question words of other languages as `folding` spells them; none is a content word in another language.
_QUESTION = """
    wer wen wem wessen wie wieviel wieviele welche welcher welches welchen welchem wann warum wieso weshalb
    woher wohin wofür womit wodurch worin woran wozu wovon worauf worüber
    quel quelle quels quelles qui quoi où quand pourquoi combien lequel laquelle lesquels lesquelles
    qué cuál cuáles quién quiénes cuándo cuánto cuánta cuántos cuántas cómo dónde
    quale quali quanti quante perché quem qual quais quanto quantos quantas onde
    welke wanneer waarom hoeveel hvilken hvilke hvorfor hvornår hvordan vilken vilka varför hur
    kto kiedy gdzie dlaczego jaki jaka jakie który która które
    kaç hangi hangisi hangisidir nasil neden niçin nerede nereden nereye kimin kimdir kimdi
    nedir neydi neyi neye neyin neler nelerdir
    ποιοσ ποια ποιο ποιοι ποιεσ ποιον ποιων ποιουσ ποιασ πωσ ποτε γιατι τι ποσο ποσα ποσοι ποσεσ ποση ποσοσ
    ποσουσ τινοσ ποιανου
    кто кого кому кем что чего чему чем какой какая какое какие каких каким какими какую каком когда где куда
    откуда почему зачем сколько чей чья чьё чьи хто що де коли чому скільки який яка яке які
    ما ماذا من متى أين اين كيف لماذا كم هل أي أية لمن بماذا
    क्या कौन कौनसा कौनसी कब कहाँ कहां क्यों कैसे कैसा कैसी कितना कितने कितनी किस किसे किसने किसका किसकी किसके किससे किन किनके
"""
STOP_WORDS = ENGLISH | frozenset(normalize("NFKC", _QUESTION).split())

_UNREMARKABLE = """
    many much lot lots several various also even still ever yet else every either neither without
    within may might must shall cannot get got give gives given tell tells told show shows find finds
    explain explains describe describes mention mentions mentioned say says said know need needs want wants
    please help use used using make makes made take takes taken happen happens mean means called go goes
    long far often high large big hoch lange oft gross weit
    one two thing things something anything kind kinds way ways example examples exactly currently usually
    amount phone nummer betrag höhe dauer tage uhrzeit datum anzahl gilt
    gelten lautet beträgt heißt erreiche montant durée numéro nom jour jours heure importe cantidad duración
    número nombre teléfono día días hora fecha importo durata numero nome giorno giorni telefono bedrag duur
    naam dagen tijd numer nazwa dni
    lang uhr ora ore tempo heures horas tiempo laat mycket länge ofta många godzinie godziny długo często
    saat kadar долго часто
    brauche brauchen braucht bekomme bekommen bekommt erhalte erhalten finde findet dauern passiert
    avons avez dois devons devez dure durent reçois reçoit trouve trouver besoin
    tengo tienes tenemos debo dura duran necesito necesita recibo encuentro encuentra
    abbiamo durano servono trovo trova bisogno tenho temos preciso precisa duram
    heb duurt krijg krijgen nodig trwa mamy muszę potrzebuję behöver hittar
    нужно надо длится находится найти получить есть можно было будет зовут звали назовите
"""
_FUNCTION = """
    der die das den dem des ein eine einer eines einem einen und oder ist sind waren wird werden wurde
    wurden hat habe haben hatte kann können darf dürfen muss müssen soll sollen nicht viel viele für von vom
    mit bei auf im am ab an als bis aus um unter über vor zu zum zur nach je gibt es sich ich du er sie wir
    mich mir uns mein meine meinen meinem meiner unser unsere sein seine ihr ihre dieser diese dieses diesen
    auch noch wenn dass
    le la les un une des du de et ou est sont ont été dans pour par avec sur sous il ils elle elles on je
    nous vous ce cet cette ces son sa ses leur leurs mon ma mes notre nos votre vos ne pas se que au aux en
    faut peut doit
    el los las lo una unos unas del y o es son está están en para por con al se no hay que su sus mi mis me
    nos le cada ser tiene tienen puede desde hasta
    wo peuvent puis il gli di da del della dei delle dal dalla nel nella al alla alle ai agli e ed o è sono
    chi che cosa ci entro ha hanno può posso deve devo
    het een van op te aan voor naar bij uit wordt worden heeft hebben kunnen moet mag wat waar hoe ik je mijn
    ons onze dit dat deze er niet ook
    os as um uma é do dos das na nas são em por com quem tem pode ao pelo pela
    w z do od dla przy jest są czy ile co jak mam mogę można się nie
    och på av till för är det ett har ska vad vem när jag
"""
#: Words of other languages that only join others. Queries keep them: some are English content words ("die").
FUNCTION_WORDS = frozenset(_FUNCTION.split())

_COST = """
    cost costs price prices fee fees kostet kosten preis preise gebühr gebühren coûte coûtent coûter prix
    tarif tarifs cuesta cuestan costar precio precios costa costano prezzo prezzi custa custam preço preços
    kost prijs prijzen kosztuje kosztują cena ceny kostar koster pris
    expensive teuer cher caro cara стоит стоят цена цены
"""
#: Words that ask for a price, which documents state without them.
COST = frozenset(_COST.split())
_BESIDE_COST = """
    when who whom whose where why wann wer wem wo warum quand qui où pourquoi cuándo quién quiénes dónde
    quando chi dove perché quem onde wanneer waar waarom kto kiedy gdzie när vem когда кто кому где
"""
#: First words of questions that ask for something else, even if they mention a price.
BESIDE_COST = frozenset(_BESIDE_COST.split())
_MONEY = """
    eur euro euros usd dollar dollars gbp pound pounds pence cent cents chf franken francs kr sek nok dkk
    krona kronor krone kroner pln zł złoty złote złotych czk kč huf forint ron lei bgn lv лв uah грн
    руб рубль рубля рублей tl cad aud nzd sgd hkd jpy yen cny rmb yuan inr rs rupee rupees brl reais mxn
    pesos zar aed dirhams 円 元
    free charges included kostenlos kostenfrei gratis umsonst inbegriffen gratuit gratuite
    gratuits gratuites compris comprise gratuito gratuita incluido incluida incluso inclusa incluído incluída
    inbegrepen ingår бесплатно
    preisliste gebührenordnung tarifa tarifas listino prijslijst tarieven cennik prislista прайс
"""
#: Words with which documents state a price, or that there is none, where no sign does.
MONEY = COST | frozenset(_MONEY.split())

#: Words whose absence from the documents says nothing about what was sought.
UNREMARKABLE = STOP_WORDS | FUNCTION_WORDS | COST | frozenset(_UNREMARKABLE.split())
#: The same of parts of joined words ("l'étage", "est-il", "y a-t-il", "c'è"). Other letters tell something:
#: no bike is an e-bike.
UNREMARKABLE_PARTS = frozenset(word for word in UNREMARKABLE if len(word) > 1) | frozenset(
    ("a", "c", "d", "j", "jusqu", "l", "m", "n", "qu", "s", "t", "è")
)

#: Question words that are cut out rather than compared. In Chinese and Japanese, no space sets them off; of
#: the others, one word alone tells something elsewhere: the C of Hindi vitamins, English temps, Swedish wind.
QUESTION_PHRASES = re.compile(
    "什么|什麼|甚麼|多少|哪些|哪個|哪个|哪里|哪裡|哪儿|哪|为什么|為什麼|为何|為何|如何|怎么|怎麼|怎样|怎樣|谁|誰|吗|嗎|呢"
    "|(?<![任几幾])何[日時月年人個回円歳分度階番枚本]"
    # Only at the beginning or after a particle: parts of other words look the same.
    "|(?<![^\\Wはがをにのとでもへて])(?:いつ|どこ|だれ|いくら(?![丼のをは])|なぜ)+"
    "|どれくらい|どのくらい|どうすれば"
    "|(?:もらえますか|できますか|ですか|ますか|ましたか)(?!ら)|でしょうか"
    "|कौन (?:सा|सी)|combien de temps|waar vind ik",
    re.IGNORECASE,
)
