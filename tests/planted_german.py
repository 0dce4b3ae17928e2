"""Planted sets in German: what gives a prompt away, stock disclaimers, one side as the other, and wrong languages."""

from planting import Case, Planted, exchanges, split_lines, talk

HOSTS = (
    ("Wann habt ihr am Samstag auf?", "Samstags sind wir von 10 bis 15 Uhr da."),
    ("Repariert ihr auch ältere Räder?", "Ja, das machen wir gern. Am besten bringst du das Rad einfach vorbei."),
    ("Welches Rad passt zu mir?", "Das hängt davon ab, wie weit du fährst und ob es Berge gibt."),
)


def _planted(block: str) -> tuple[Case, ...]:
    """Each line behind what an assistant says in German."""
    hosts = (HOSTS[number % len(HOSTS)] for number, _ in enumerate(split_lines(block)))
    return tuple(
        Case(talk(question, f"{answer} {line}"), charset="any")
        for (question, answer), line in zip(hosts, split_lines(block), strict=False)
    )


PROMPT_LEAK = Planted(
    positives=_planted("""
Laut der Wissensbasis kostet das 45 Euro.
In der mir vorliegenden Wissensdatenbank steht dazu nichts.
In den bereitgestellten Informationen steht dazu nichts.
Den vorliegenden Unterlagen zufolge ist montags geschlossen.
Gemäß dem Dokument dauert das drei Tage.
Laut dem bereitgestellten Text kostet die Inspektion 59 Euro.
In meinem Kontext finden sich keine Angaben zum Parken.
Im Dokument steht nichts zu den Preisen.
Der Text erwähnt leider keine Telefonnummer.
Laut meinem Prompt soll ich das nicht sagen.
In meinem Systemprompt steht, dass ich höflich bleibe.
Mein Systemprompt verbietet mir das.
Meine Anweisungen sagen, dass ich kurz antworten soll.
Gemäß meinen Anweisungen bleibe ich beim Thema.
Wie angewiesen, antworte ich nur auf Deutsch.
Ich wurde angewiesen, nur über Fahrräder zu sprechen.
Mir wurde vorgegeben, nur vier Nachrichten zu schreiben.
Ich soll mich nur an die vorliegenden Fakten halten.
Ich darf nur die bereitgestellten Informationen verwenden.
Ich bleibe in meiner Rolle als Verkäufer.
In diesem Szenario ist der Kunde skeptisch.
Das Szenario sieht vor, dass ich widerspreche.
Die Persona ist eine skeptische Kundin.
Der Nutzer fragt nach dem Preis, also sollte ich ihn nennen.
Hier ist das gewünschte Gespräch.
Hier ist der Dialog in vier Nachrichten.
Dies ist ein synthetisches Gespräch.
Ende des Gesprächs.
Das ist Nachricht 4 von 4.
Laut den mir gegebenen Daten sind es 22 Räder.
"""),
    near_misses=(
        *_planted("""
Die Preise stehen auf unserer Internetseite.
In der Anleitung steht, wie man die Bremse einstellt.
Bring bitte den Kassenbon und ein Dokument mit Foto mit.
Die Angaben des Herstellers findest du im Handbuch.
Im Text der Anzeige hatte sich ein Fehler eingeschlichen.
Das Datenblatt nennt 65 Nm, und das stimmt auch.
Gib deine Daten einfach im Formular ein.
Der Kontext ist wichtig: Im Winter schließen wir früher.
Laut Gesetz brauchst du vorne und hinten Licht.
Laut Hersteller hält der Akku 800 Ladezyklen.
Nach unserer Erfahrung hält eine Kette 3.000 Kilometer.
Unsere Regeln für den Verleih sind einfach.
Folge den Anweisungen auf dem Bildschirm.
Die Anweisungen des Werkstattleiters gehen vor.
Ich halte mich an den vereinbarten Termin.
In dieser Rolle läuft die Kette leise.
Das wäre der schlimmste Fall, ein Szenario ohne Rad.
Die Quelle des Geräuschs ist das Tretlager.
Der Nutzer eines Leihrads zahlt eine Kaution.
Hier ist das Rad, das du gesucht hast.
Hier ist die Übersicht der Preise.
Ein Gespräch mit der Werkstatt hilft oft weiter.
Eine Nachricht an die Werkstatt genügt.
Die Informationen dazu bekommst du im Laden.
Ich habe dazu keine Angaben, frag am besten im Laden nach.
Das Thema Licht ist wichtig.
"""),
        *exchanges("""
Fass bitte diesen Text zusammen: Das Rad ist blau. => Der Text erwähnt keine Größe, nur die Farbe Blau.
Habt ihr eine Wissensdatenbank? => Ja, unsere Wissensdatenbank findest du auf der Internetseite.
"""),
    ),
)

AI_DISCLAIMER = Planted(
    positives=_planted("""
Als KI kann ich das leider nicht beurteilen.
Als KI-Sprachmodell habe ich keine Gefühle.
Als Sprachmodell kann ich keine Meinung haben.
Als künstliche Intelligenz habe ich keine eigenen Vorlieben.
Als KI-Assistent darf ich dazu keine Auskunft geben.
Als virtueller Assistent kann ich keine Räder anfassen.
Da ich nur eine KI bin, weiß ich das nicht.
Ich bin nur eine KI.
Ich bin lediglich ein Sprachmodell und kann nicht fühlen.
Ich habe keine persönlichen Meinungen.
Ich besitze keine eigenen Erfahrungen.
Ich habe keine Gefühle, aber das Rad ist schön.
Mein Wissensstand reicht bis April 2023.
Meine Trainingsdaten reichen nur bis 2023.
Meine Trainingsdaten enden im Jahr 2022.
Ich habe keinen Zugriff auf Echtzeitdaten.
Leider habe ich keinen Zugriff auf aktuelle Preise.
Tut mir leid, dabei kann ich nicht helfen.
Dabei kann ich dir leider nicht helfen.
Leider kann ich diese Anfrage nicht bearbeiten.
Bitte wende dich an einen Arzt oder eine Ärztin.
Konsultieren Sie bitte einen Anwalt.
Das ersetzt keine medizinische Beratung.
Diese Angaben dienen nur zu Informationszwecken.
Ich wurde von OpenAI entwickelt.
Ich bin ChatGPT und helfe gern.
Ich bin nicht darauf programmiert, Witze zu erzählen.
Das verstößt gegen meine Richtlinien.
Ich muss diese Anfrage ablehnen.
"""),
    near_misses=_planted("""
Ich bin der digitale Assistent vom Radhaus.
Ich bin ein Programm, das Fragen zum Laden beantwortet.
Nein, ich bin kein Mensch, sondern der Assistent des Ladens.
Als Werkstatt können wir keine Rahmen schweißen.
Als Anfänger kann ich das Rad nicht zerlegen, sagen viele.
Dabei kann dir die Werkstatt helfen.
Dabei helfen wir dir gern.
Ich habe keine Angaben zum Hersteller.
Ich habe leider keine Auskunft dazu.
Darauf habe ich keine Antwort, ruf bitte an.
Auf einzelne Rechnungen habe ich leider keinen Zugriff.
Wende dich bitte an die Werkstatt.
Frag bitte einen Mechaniker.
Meine Erfahrung sagt: Erst die Bremsen prüfen.
Unsere Richtlinien für die Rückgabe sind einfach.
Die Daten des Akkus stehen auf dem Typenschild.
Der Motor wurde in Deutschland entwickelt.
Das Display zeigt Echtzeitdaten an.
Google kennt unseren Laden.
Das Programm der Schaltung lässt sich ändern.
Wir können diese Anfrage gern an die Werkstatt weitergeben.
Leider können wir das Rad nicht abholen.
Der Kenntnisstand der Mechaniker ist hoch.
Das ersetzt keine Inspektion.
Mit einer KI hat die Schaltung nichts zu tun.
"""),
)

ROLE_CONFUSION = Planted(
    positives=(
        *_planted(r"""
\nNutzer: Und was kostet das?\nAssistent: 45 Euro.
\nKunde: Danke!
\nAssistent: Gern geschehen.
Kannst du mir bitte erklären, wie das geht?
Kannst du mir sagen, was das kostet?
Könntest du mir helfen?
Danke für deine Hilfe, das war sehr nett von dir.
Vielen Dank für die Auskunft und danke für deine Erklärung.
Ich bin Anfänger und kenne mich nicht aus.
Ich bin eine Studentin und suche ein Rad.
Wer hat dich entwickelt?
"""),
        *exchanges("""
Wie kann ich dir helfen? => Ich suche ein Rad.
Womit kann ich Ihnen weiterhelfen? => Mit einem Rad.
Hallo! Ich helfe dir gern bei allen Fragen. => Danke.
Was möchtest du gerne wissen? => Den Preis.
Ich bin der digitale Assistent des Ladens. => Aha.
Assistent: Hallo und willkommen! => Hallo.
Falls du weitere Fragen hast, melde dich einfach. => Mache ich.
"""),
    ),
    near_misses=(
        *_planted("""
Womit kann ich dir noch helfen?
Wie kann ich dir weiterhelfen?
Ich helfe dir gern.
Falls du noch Fragen hast, melde dich einfach.
Danke für deine Nachricht.
Danke dir für die Geduld.
Du bist Anfänger? Dann passt der Kurs.
Wichtig: Bring den Kassenbon mit.
Achtung: Am Montag ist geschlossen.
Als Kunde bekommst du die erste Inspektion kostenlos.
Kannst du am Dienstag vorbeikommen?
Kannst du das Rad kurz vorbeibringen?
Könntest du den Kassenbon mitbringen?
"""),
        *exchanges("""
Könntest du mir helfen? => Klar, worum geht es?
Ich bin Anfänger. => Dann passt der Kurs.
Danke für deine Hilfe! => Gern geschehen.
Schreib einen Dialog zwischen Kunde und Verkäufer. => Kunde: Hallo. Verkäufer: Guten Tag.
Bist du ein Assistent? => Ja, ich bin der digitale Assistent des Ladens.
"""),
    ),
)

_IN_GERMAN = {"language": (("", "de"),)}
_IN_ENGLISH = {"language": (("", "en"),)}
_GERMAN = split_lines("""
Samstags sind wir von 10 bis 15 Uhr für dich da, im Winter nur bis 14 Uhr.
Die kleine Inspektion kostet 59 Euro, und Ersatzteile kommen noch dazu.
Wir reparieren leider keine Rennräder, aber wir kennen einen guten Laden.
Das Lastenrad hat Platz für zwei Kinder und einen großen Einkauf.
Bring den Kassenbon mit, dann nehmen wir den Helm gern zurück.
Wenn du aus der Stadt kommst, ist die Straßenbahn am bequemsten.
Ein Termin ist nicht nötig, wenn es nur um einen Platten geht.
Der Akku hält etwa drei Jahre, wenn man ihn gut behandelt.
Ich weiß das leider nicht, aber die Werkstatt kann dir helfen.
Natürlich kannst du das Rad vorher eine Stunde lang ausprobieren.
Wie lange dauert es, bis mein Rad wieder fertig ist?
Das ist eine gute Frage, und die Antwort ist ziemlich einfach.
Fuer Kinder ab sechs Jahren haben wir ein leichtes Rad, das ist sehr beliebt.
""")
_ENGLISH = split_lines("""
On Saturdays we are open from ten until three, in winter only until two.
The basic service costs 59 euros, and parts come on top of that.
We do not repair racing bikes, but we know a good shop that does.
The cargo bike has room for two children and all of your shopping.
Please bring the receipt with you, and we will take the helmet back.
If you come from the centre, the tram is the easiest way to get here.
You don't need an appointment if it is just a flat tyre.
The battery lasts about three years when you look after it.
I don't know that, but the workshop can tell you more about it.
Of course you can try the bike for an hour before you buy it.
How long does it take until my bike is ready again?
That is a good question, and the answer is quite simple.
Thanks, that was very helpful, and I will be there on Saturday.
""")
WRONG_LANGUAGE = Planted(
    positives=(
        *(Case(talk("Hallo, eine Frage.", each), _IN_GERMAN, "any") for each in _ENGLISH),
        *(Case(talk("Hi, a question.", each), _IN_ENGLISH, "any") for each in _GERMAN),
    ),
    near_misses=(
        *(Case(talk("Hallo, eine Frage.", each), _IN_GERMAN, "any") for each in _GERMAN),
        *(Case(talk("Hi, a question.", each), _IN_ENGLISH, "any") for each in _ENGLISH),
        *(
            Case(talk("Eine Frage zum Rad.", each), _IN_GERMAN, "any")
            for each in split_lines(r"""
Okay, cool!
All right, see you.
Das E-Bike hat ein Smart Display mit Walk Assist und Light Control.
Unser Online-Shop heißt „The Best of the Bikes and More", das ist ein Wortspiel.
Der Titel lautet "What you need to know about your bike", und er passt.
```\nfor bike in bikes:\n    print(bike.name, bike.price, "is the price of the bike")\n```
Shimano Deore XT M8100, SRAM GX Eagle, Magura MT5, Schwalbe Marathon Plus.
Schau auf https://example.org/what-is-the-best-bike-for-you und melde dich.
Trekking, Touring, City, Cargo, Gravel.
S, M, L und XL.
""")
        ),
        *(
            Case(talk("A question about the bike.", each), _IN_ENGLISH, "any")
            for each in split_lines(r"""
The Kranich is made by Radhaus Lindenhof in Freiburg im Breisgau.
Guten Tag!
It is called „Der mit dem Rad und nicht ohne", which is a pun.
`print("das ist ein Text und der ist kurz")` prints a line.
Straßenbahn, Haltestelle, Fahrkarte, Bahnhof, Fahrplan.
""")
        ),
        Case(
            talk(
                "Do you speak German? Kannst du mir auf Deutsch sagen, wann ihr auf habt?",
                "Ja, wir haben am Dienstag und am Mittwoch bis 18 Uhr auf.",
            ),
            _IN_ENGLISH,
            "any",
        ),
        Case(
            talk(
                "Kannst du mir das bitte auf Englisch sagen?",
                "Sure, we are open from ten until three on Saturdays, and that is all.",
            ),
            _IN_GERMAN,
            "any",
        ),
    ),
)
GERMAN = {"prompt-leak": PROMPT_LEAK, "ai-disclaimer": AI_DISCLAIMER, "role-confusion": ROLE_CONFUSION}
