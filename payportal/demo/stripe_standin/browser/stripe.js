// `Stripe(key)`: as much of Stripe.js as a page with deferred intents needs.
function checkedOptions(options) {
  const { mode, amount, currency, clientSecret } = options;
  if (clientSecret) return options;
  if (mode !== "payment") throw new IntegrationError("Invalid value for elements(): mode should be 'payment'.");
  if (!Number.isInteger(amount) || amount <= 0) {
    throw new IntegrationError(`Invalid value for elements(): amount should be an integer greater than 0, was ${amount}.`);
  }
  if (!/^[a-z]{3}$/.test(currency)) {
    throw new IntegrationError(`Invalid value for elements(): currency should be three lowercase letters, was ${currency}.`);
  }
  return options;
}

class Elements {
  constructor(stripe, options = {}) {
    this.options = checkedOptions({ ...options });
    this.appearance = this.options.appearance;
    this.locale = this.options.locale || stripe.locale;
    this.created = new Map();
  }

  create(type, options) {
    const kinds = { expressCheckout: WalletsElement, payment: CardElement };
    if (!kinds[type]) throw new IntegrationError(`The sandbox has no ${type} Element.`);
    if (this.created.has(type)) throw new IntegrationError(`Can only create one Element of type ${type}.`);
    this.created.set(type, new kinds[type](this, type, options));
    return this.created.get(type);
  }

  getElement(type) {
    return this.created.get(type) || null;
  }

  update(options) {
    this.options = checkedOptions({ ...this.options, ...options });
    this.appearance = this.options.appearance;
    this.isSubmitted = false;
  }

  async fetchUpdates() {
    return {};
  }

  /** Must come before anything asynchronous on the page, so that a wallet's sheet stays open. */
  async submit() {
    const card = this.created.get("payment");
    const result = this.sheet || !card?.host ? {} : card.validate();
    this.isSubmitted = !result.error;
    return result;
  }

  method() {
    if (this.sheet) return { type: "card", card: { token: this.sheet.token } };
    const card = this.created.get("payment");
    if (!card?.host) throw new IntegrationError("confirmPayment: there is no mounted Payment Element to pay with.");
    return card.method();
  }
}

function withStatus(returnUrl, intent) {
  const url = new URL(returnUrl);
  url.searchParams.set("payment_intent", intent.id);
  url.searchParams.set("payment_intent_client_secret", intent.client_secret);
  url.searchParams.set("redirect_status", intent.status === "succeeded" ? "succeeded" : intent.status);
  return url.href;
}

/** Goes to the address; the promise never settles, as the page is being left. */
function leave(url) {
  location.assign(url);
  return new Promise(() => {});
}

async function followed(intent) {
  const action = intent.next_action;
  const url = action?.redirect_to_url?.url || action?.use_stripe_sdk?.stripe_js;
  return intent.status === "requires_action" && url ? leave(url) : { paymentIntent: intent };
}

async function confirmWith(stripe, elements, path, clientSecret, confirmParams) {
  const made = await ask(stripe, "POST", "/v1/payment_methods", elements.method());
  if (made.error) return made;
  const { amount, currency } = elements.options;
  return ask(stripe, "POST", `${path}/confirm`, { client_secret: clientSecret, payment_method: made.id,
    return_url: confirmParams.return_url, expected_amount: amount, expected_currency: currency });
}

class StripeSandbox {
  constructor(key, options = {}) {
    if (!/^pk_test_/.test(key)) throw new IntegrationError("The sandbox takes test keys only (pk_test_…).");
    this.key = key;
    this.locale = options.locale;
  }

  elements(options) {
    return new Elements(this, options);
  }

  async confirmPayment({ elements, clientSecret, confirmParams = {}, redirect = "always" }) {
    const secret = clientSecret || elements.options.clientSecret;
    const path = intentPath(secret);
    if (!elements.isSubmitted) {
      throw new IntegrationError("elements.submit() must be called before stripe.confirmPayment().");
    }
    if (!confirmParams.return_url && redirect === "always") {
      throw new IntegrationError("confirmPayment() needs confirmParams.return_url.");
    }
    const answer = await confirmWith(this, elements, path, secret, confirmParams);
    elements.isSubmitted = false;
    elements.sheet?.element.close();
    if (answer.error) return { error: answer.error };
    if (answer.status !== "requires_action" && redirect === "always") {
      return leave(withStatus(confirmParams.return_url, answer));
    }
    return followed(answer);
  }

  async retrievePaymentIntent(clientSecret) {
    const answer = await ask(this, "GET", intentPath(clientSecret), { client_secret: clientSecret });
    return answer.error ? { error: answer.error } : { paymentIntent: answer };
  }

  async handleNextAction({ clientSecret }) {
    const { error, paymentIntent } = await this.retrievePaymentIntent(clientSecret);
    return error ? { error } : followed(paymentIntent);
  }
}

window.Stripe = Object.assign((key, options) => new StripeSandbox(key, options), { version: "endive" });
