// A page as a merchant writes it: deferred intent, Express Checkout Element, Payment Element.
const said = document.querySelector("#said");
const say = (text) => { said.textContent = text; };
const settings = Object.fromEntries(new URLSearchParams(location.search));
const events = (window.events = []);

function start() {
  const stripe = window.Stripe(settings.key, { locale: settings.locale || "en" });
  const amount = Number(settings.amount || 64800);
  const elements = stripe.elements({ mode: "payment", amount, currency: "nok",
    appearance: { variables: { borderRadius: "12px" } } });
  const wallets = elements.create("expressCheckout", { buttonHeight: 50 });
  const card = elements.create("payment", {});
  for (const name of ["ready", "cancel", "availablepaymentmethodschange"]) {
    wallets.on(name, (event) => events.push([name, event.elementType]));
  }
  wallets.on("click", (event) => {
    events.push(["click", event.expressPaymentType]);
    setTimeout(() => event.resolve({}), Number(settings.think || 0));
  });
  wallets.on("cancel", () => say("canceled"));
  wallets.on("confirm", () => pay());
  document.querySelector("#pay").addEventListener("click", () => pay());
  wallets.mount("#wallets");
  card.mount("#card");
  Object.assign(window, { stripe, elements });

  async function pay() {
    const submitted = await elements.submit();
    if (submitted.error) return say(submitted.error.code);
    const intent = await (await fetch("/start", { method: "POST" })).json();
    const result = await stripe.confirmPayment({ elements, clientSecret: intent.client_secret,
      confirmParams: { return_url: `${location.origin}/back` }, redirect: "if_required" });
    const { paymentIntent, error } = result;
    say(error ? `${error.type} ${error.decline_code || error.param || ""}` : paymentIntent.status);
  }
}

const script = document.createElement("script");
script.src = `${settings.origin}/endive/stripe.js`;
script.addEventListener("load", start);
document.head.append(script);
