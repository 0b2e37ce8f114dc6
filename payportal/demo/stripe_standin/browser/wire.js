// Requests to the stand-in, with the publishable key; and errors as Stripe.js throws them.
const ORIGIN = new URL(document.currentScript.src).origin;

class IntegrationError extends Error {
  name = "IntegrationError";
}

/** Stripe's form encoding: nested names in brackets. */
function fill(form, fields, prefix = "") {
  for (const [name, value] of Object.entries(fields)) {
    const key = prefix ? `${prefix}[${name}]` : name;
    if (value && typeof value === "object") fill(form, value, key);
    else if (value !== undefined && value !== null) form.set(key, String(value));
  }
  return form;
}

async function ask(stripe, method, path, fields) {
  const form = fill(new URLSearchParams({ key: stripe.key }), fields);
  const get = method === "GET";
  try {
    const url = ORIGIN + path + (get ? `?${form}` : "");
    const answer = await fetch(url, { method, body: get ? undefined : form, referrerPolicy: "no-referrer" });
    return await answer.json();
  } catch {
    return { error: { type: "api_connection_error", message: words(stripe.locale).offline } };
  }
}

/** The id is the part of the client secret before "_secret_". */
function intentPath(clientSecret) {
  const id = /^(pi_\w+)_secret_\w+$/.exec(String(clientSecret));
  if (!id) throw new IntegrationError("Invalid value for clientSecret: it should look like pi_…_secret_….");
  return `/v1/payment_intents/${id[1]}`;
}
