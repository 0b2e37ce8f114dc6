// A constructed sheet: the page's content security policy forbids inline styles, and this isn't one.
const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host { display: block; color: inherit; font: inherit; }
* { box-sizing: border-box; }
button, input, select { font: inherit; color: inherit; }
.buttons { display: flex; flex-wrap: wrap; gap: 8px; }
.buttons.column { flex-direction: column; }
.pay { flex: 1 1 8rem; min-height: 50px; padding: 0 12px; border: 0; border-radius: var(--radius, 12px);
  background: #000; color: #fff; font-size: 1.0625rem; font-weight: 600; white-space: nowrap; cursor: pointer; }
.pay[aria-busy=true] { cursor: progress; }
.pay.white { background: #fff; color: #000; }
@media (prefers-color-scheme: dark) { .pay:not(.black) { background: #fff; color: #000; } }
:focus-visible { outline: 3px solid #2563eb; outline-offset: 2px; }
.sandbox { display: flex; flex-wrap: wrap; align-items: center; justify-content: center; gap: 0 8px; min-height: 32px;
  margin: 6px 0 0; font-size: .8125rem; }
.sandbox select { height: 44px; margin-block: -6px; padding: 0 4px; border: 0; background: transparent;
  text-decoration: underline; cursor: pointer; field-sizing: content; }
option { color: CanvasText; background: Canvas; }
fieldset { margin: 0; padding: 0; border: 0; }
legend { padding: 0 0 8px; font-weight: 600; }
.ways, .pair { display: flex; flex-wrap: wrap; gap: 0 16px; }
.ways label { display: flex; align-items: center; gap: 8px; min-height: 44px; cursor: pointer; }
.ways input { width: 20px; height: 20px; margin: 0; accent-color: currentColor; }
.field { flex: 1 1 8rem; display: block; margin-top: 8px; }
.field input { display: block; width: 100%; min-height: 48px; padding: 0 12px; border: 1px solid currentColor;
  border-radius: var(--radius, 12px); background: transparent; text-align: start; }
.field input[aria-invalid=true] { border-width: 2px; }
.error, .hint { margin: 4px 0 0; font-size: .875rem; }
.error { font-weight: 600; }
[hidden] { display: none; }
`);
