// A style sheet of its own: no `style` attribute, no `<style>`, so it needs no `unsafe-inline`.
// A page restyles it by its classes, with any selector more specific than one class. Nothing moves, so nobody has to ask for less.

const RULES = `
.session-dialog,.session-bar{font:1rem/1.5 system-ui,sans-serif;color-scheme:light dark;background:Canvas;color:CanvasText;border:1px solid GrayText;border-radius:8px;padding:1rem;box-sizing:border-box;max-width:min(24rem,calc(100vw - 2rem))}
.session-dialog::backdrop{background:rgb(0 0 0/.5)}
.session-dialog h2{font-size:1.25rem;margin:0}
.session-dialog :is(label,input){display:block;width:100%;box-sizing:border-box;margin-top:.5rem}
.session-dialog :is(input,button),.session-bar button{font:inherit;padding:.5rem;min-height:2.75rem}
.session-dialog [role=alert]{color:light-dark(#a00,#f99);min-height:1.5em}
.session-bar [role=alert]{position:absolute;clip-path:inset(50%)}
.session-bar{position:fixed;inset:auto 1rem 1rem auto;z-index:2147483647}
`;

/** @returns {() => void} takes it away */
export const applyStyle = () => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(RULES);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  return () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
  };
};
