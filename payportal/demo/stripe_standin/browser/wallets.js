// The Express Checkout Element: two wallets that always work, and a choice of what their card does.
const CARDS = { works: "visa", declined: "chargeDeclined", poor: "chargeDeclinedInsufficientFunds",
  asks: "threeDSecure2Required", closes: "" };
const MEMORY = "stripe-sandbox-card";
const SHEET_LIMIT = 60000; // ms; a real sheet gives up too

function remembered() {
  try {
    const kept = sessionStorage.getItem(MEMORY);
    return kept && kept in CARDS ? kept : "works";
  } catch {
    return "works"; // storage may be forbidden
  }
}

class WalletsElement extends SandboxElement {
  parts() {
    this.buttons = this.shown().map(([wallet, name, option]) => {
      const theme = this.options.buttonTheme?.[option] || "";
      const button = make("button", { type: "button", className: `pay ${theme}`, textContent: name });
      button.addEventListener("click", () => void this.tap(wallet));
      return button;
    });
    const column = this.options.layout?.maxColumns === 1 ? " column" : "";
    this.choice = make("select", { id: "card" },
      ...Object.keys(CARDS).map((name) => make("option", { value: name, textContent: this.words[name] })));
    this.choice.value = remembered();
    this.choice.addEventListener("change", () => this.remember());
    const label = make("label", { htmlFor: "card", textContent: this.words.sandbox });
    return [make("div", { className: `buttons${column}` }, ...this.buttons),
      make("div", { className: "sandbox" }, label, this.choice)];
  }

  /** Both wallets, unless the page wants one of them never. */
  shown() {
    const wanted = this.options.paymentMethods || {};
    const all = [["apple_pay", "Apple Pay", "applePay"], ["google_pay", "Google Pay", "googlePay"]];
    return all.filter(([, , option]) => wanted[option] !== "never");
  }

  remember() {
    try {
      sessionStorage.setItem(MEMORY, this.choice.value);
    } catch {
      // The choice then lasts as long as the page.
    }
  }

  announce() {
    const names = this.shown().map(([, , option]) => option);
    const has = (toValue) => Object.fromEntries(
      ["applePay", "googlePay", "link", "amazonPay", "paypal", "klarna"].map((name) => [name, toValue(names.includes(name))]));
    this.emit("availablepaymentmethodschange", { paymentMethods: has((available) => ({ available })) });
    this.emit("ready", { availablePaymentMethods: names.length ? has(Boolean) : undefined });
  }

  /** One tap is the whole payment: the sheet that a real wallet shows is skipped. */
  async tap(wallet) {
    if (this.isOpen) return;
    this.busy(true);
    if (!(await this.allowed(wallet))) return this.busy(false);
    if (!CARDS[this.choice.value]) {
      this.busy(false);
      return this.emit("cancel");
    }
    this.elements.sheet = { element: this, token: `tok_${CARDS[this.choice.value]}_${wallet}` };
    this.timer = setTimeout(() => (this.close(), this.emit("cancel")), SHEET_LIMIT);
    this.emit("confirm", { expressPaymentType: wallet, billingDetails: undefined, paymentFailed: () => this.close() });
  }

  /** The page hears `click` and has one second to resolve it, as with the real element. */
  allowed(wallet) {
    if (!this.hears("click")) return Promise.resolve(true);
    return new Promise((settle) => {
      const decide = (isAllowed) => (clearTimeout(late), settle(isAllowed));
      const late = setTimeout(() => {
        console.warn("Stripe sandbox: the click event was not resolved within one second; the sheet stays closed.");
        decide(false);
      }, 1000);
      this.emit("click", { expressPaymentType: wallet, resolve: () => decide(true), reject: () => decide(false) });
    });
  }

  busy(isOpen) {
    this.isOpen = isOpen;
    for (const button of this.buttons) button.setAttribute("aria-busy", String(isOpen));
  }

  close() {
    clearTimeout(this.timer);
    if (this.elements.sheet?.element === this) this.elements.sheet = undefined;
    this.busy(false);
  }

  unmount() {
    if (this.buttons) this.close();
    super.unmount();
  }
}
