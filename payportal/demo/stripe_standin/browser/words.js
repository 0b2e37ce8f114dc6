// What the sandbox says; other languages than these get English.
const WORDS = {
  en: {
    sandbox: "Sandbox · test card", works: "Works", declined: "Declined", poor: "Not enough money",
    asks: "Asks the bank", closes: "Closes the sheet", way: "How to pay (sandbox, no real money)", card: "Card",
    debit: "Bank debit", number: "Card number", expiry: "Expiry (MM / YY)", cvc: "Security code", iban: "IBAN",
    try: "For tests:", number_error: "Your card number is incomplete.",
    expiry_error: "Your card’s expiration date is incomplete.", cvc_error: "Your card’s security code is incomplete.",
    iban_error: "Your IBAN is incomplete.", offline: "We are experiencing issues connecting to our payments provider.",
  },
  nb: {
    sandbox: "Sandkasse · testkort", works: "Virker", declined: "Avvist", poor: "Ikke dekning",
    asks: "Spør banken", closes: "Lukker arket", way: "Betalingsmåte (sandkasse, ikke ekte penger)", card: "Kort",
    debit: "Trekk fra bankkonto", number: "Kortnummer", expiry: "Utløper (MM / ÅÅ)", cvc: "Sikkerhetskode",
    iban: "IBAN", try: "For prøver:", number_error: "Kortnummeret er ikke helt.",
    expiry_error: "Utløpsdatoen er ikke hel.", cvc_error: "Sikkerhetskoden er ikke hel.",
    iban_error: "IBAN er ikke helt.", offline: "Vi får ikke kontakt med betalingstjenesten.",
  },
  ar: {
    sandbox: "بيئة تجريبية · بطاقة اختبار", works: "تعمل", declined: "مرفوضة", poor: "رصيد غير كافٍ",
    asks: "تسأل البنك", closes: "تغلق النافذة", way: "طريقة الدفع (تجربة، لا أموال حقيقية)", card: "بطاقة",
    debit: "خصم من الحساب", number: "رقم البطاقة", expiry: "تاريخ الانتهاء (MM / YY)", cvc: "رمز الأمان",
    iban: "IBAN", try: "للاختبار:", number_error: "رقم البطاقة غير مكتمل.", expiry_error: "تاريخ الانتهاء غير مكتمل.",
    cvc_error: "رمز الأمان غير مكتمل.", iban_error: "رقم IBAN غير مكتمل.", offline: "تعذر الاتصال بخدمة الدفع.",
  },
};
WORDS.no = WORDS.nn = WORDS.nb;
/** @param {string | undefined} locale */
const words = (locale) => WORDS[(!locale || locale === "auto" ? navigator.language : locale).slice(0, 2)] || WORDS.en;
