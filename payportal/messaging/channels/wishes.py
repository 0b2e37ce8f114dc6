"""What a customer's answer asks for, whichever carrier brought it."""

from typing import Literal

Wish = Literal["stop", "start", "other"]

# The words that carriers in the United States and Europe act on themselves (CTIA's list, as Twilio and Meta name it),
# and those of the languages that we write in. A word counts only when it is the whole answer: who writes "don't stop"
# asks for nothing.
STOP = {
    *("STOP", "STOPALL", "STOP ALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "OPT OUT", "OPT-OUT", "REVOKE"),
    *("STOP PROMOTIONS", "STOPP", "STOPP ALLE", "AVSLUTT", "AVMELD", "MELD AV", "ARRET", "ARRÊT"),
    *("توقف", "إيقاف", "ايقاف", "قف"),
}
START = {"START", "UNSTOP", "SUBSCRIBE", "RESUME", "PÅMELD", "MELD PÅ", "ابدأ", "استئناف"}


def of(text: str) -> Wish:
    """The wish of an answer, whatever its case and the full stop or space around it."""
    word = " ".join(text.upper().strip(" \t\r\n.!\"'«»").split())
    if word in STOP:
        return "stop"
    return "start" if word in START else "other"
