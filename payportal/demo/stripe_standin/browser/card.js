// The Payment Element: a card form and a bank debit, labelled as the sandbox.
const HINTS = { card: "4242 4242 4242 4242", sepa_debit: "DE89 3704 0044 0532 0130 00" };

class CardElement extends SandboxElement {
  parts() {
    this.fields = {};
    this.way = "card";
    const ways = ["card", "sepa_debit"].map((way) => {
      const input = make("input", { type: "radio", name: "way", value: way, checked: way === "card" });
      input.addEventListener("change", () => this.show(way));
      return make("label", {}, input, way === "card" ? this.words.card : this.words.debit);
    });
    this.groups = {
      card: make("div", {}, this.field("number", "cc-number", 23),
        make("div", { className: "pair" }, this.field("expiry", "cc-exp", 7), this.field("cvc", "cc-csc", 4))),
      sepa_debit: make("div", { hidden: true }, this.field("iban", "off", 42)),
    };
    this.hint = make("p", { className: "hint" });
    this.error = make("p", { className: "error", id: "error", attributes: { role: "alert" } });
    this.tell();
    const legend = make("legend", { textContent: this.words.way });
    return [make("fieldset", {}, legend, make("div", { className: "ways" }, ...ways)),
      this.groups.card, this.groups.sepa_debit, this.hint, this.error];
  }

  field(name, autocomplete, maxLength) {
    const input = make("input", { dir: "ltr", maxLength, autocomplete, spellcheck: false,
      inputMode: name === "iban" ? "text" : "numeric", attributes: { "aria-describedby": "error" } });
    input.addEventListener("input", () => this.changed());
    this.fields[name] = input;
    return make("label", { className: "field" }, this.words[name], input);
  }

  show(way) {
    this.way = way;
    for (const [name, group] of Object.entries(this.groups)) group.hidden = name !== way;
    this.error.textContent = "";
    this.tell();
    this.changed();
  }

  tell() {
    this.hint.replaceChildren(`${this.words.try} `, make("bdi", { textContent: HINTS[this.way] }));
  }

  changed() {
    const empty = Object.values(this.fields).every((input) => !input.value);
    this.emit("change", { empty, complete: !this.firstError(), collapsed: false, value: { type: this.way } });
  }

  value(name) {
    return this.fields[name].value.replace(/[\s/.-]/g, "");
  }

  /** The name of the first field that isn't whole. */
  firstError() {
    const tests = this.way === "card"
      ? { number: /^\d{12,19}$/, expiry: /^(0[1-9]|1[0-2])\d\d$/, cvc: /^\d{3,4}$/ }
      : { iban: /^[A-Za-z]{2}\d\d\w{11,30}$/ };
    return Object.keys(tests).find((name) => !tests[name].test(this.value(name)));
  }

  /** For `elements.submit()`: shows what is missing, and says so. */
  validate() {
    const wrong = this.firstError();
    for (const [name, input] of Object.entries(this.fields)) input.setAttribute("aria-invalid", String(name === wrong));
    this.error.textContent = wrong ? this.words[`${wrong}_error`] : "";
    if (!wrong) return { selectedPaymentMethod: this.way };
    this.fields[wrong].focus();
    return { error: { type: "validation_error", code: `incomplete_${wrong}`, message: this.error.textContent } };
  }

  method() {
    if (this.way === "sepa_debit") return { type: "sepa_debit", sepa_debit: { iban: this.value("iban") } };
    const expiry = this.value("expiry");
    return { type: "card", card: { number: this.value("number"), exp_month: Number(expiry.slice(0, 2)),
      exp_year: 2000 + Number(expiry.slice(2)), cvc: this.value("cvc") } };
  }
}
