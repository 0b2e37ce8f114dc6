// What all elements have in common: a shadow root of their own, and events.
function make(tag, { attributes = {}, ...properties } = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

class SandboxElement {
  constructor(elements, type, options) {
    Object.assign(this, { elements, type, options: { ...options }, listeners: [] });
    this.words = words(elements.locale);
  }

  on(name, handler) {
    this.listeners.push({ name, handler });
    return this;
  }

  once(name, handler) {
    const once = (event) => (this.off(name, once), handler(event));
    return this.on(name, once);
  }

  off(name, handler) {
    this.listeners = this.listeners.filter((each) => each.name !== name || (handler && each.handler !== handler));
    return this;
  }

  hears(name) {
    return this.listeners.some((each) => each.name === name);
  }

  emit(name, detail = {}) {
    for (const each of [...this.listeners]) {
      if (each.name === name) each.handler({ elementType: this.type, ...detail });
    }
  }

  mount(target) {
    const place = typeof target === "string" ? document.querySelector(target) : target;
    if (!place) throw new IntegrationError(`The selector you specified (${target}) applies to no DOM elements.`);
    this.unmount();
    this.host = make("div", { dir: getComputedStyle(place).direction });
    const root = this.host.attachShadow({ mode: "open" });
    const own = new CSSStyleSheet();
    const radius = this.elements.appearance?.variables?.borderRadius || "12px";
    if (/^\d+(\.\d+)?(px|rem|em)$/.test(radius)) own.replaceSync(`:host { --radius: ${radius}; }`);
    root.adoptedStyleSheets = [sheet, own];
    root.append(...this.parts());
    place.replaceChildren(this.host);
    queueMicrotask(() => this.host && this.announce());
  }

  announce() {
    this.emit("ready");
  }

  unmount() {
    this.host?.remove();
    this.host = undefined;
  }

  destroy() {
    this.unmount();
    this.elements.created.delete(this.type);
  }

  update(options) {
    Object.assign(this.options, options);
    return this;
  }
}
