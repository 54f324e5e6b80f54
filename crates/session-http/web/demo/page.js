// A few words for what every part does to the page.

/** @param {string} id */
export const element = (id) => /** @type {any} */ (document.getElementById(id));

/** @param {string} id @param {boolean} shown */
export const show = (id, shown) => {
  element(id).hidden = !shown;
};

/** Says it to screen readers, once. Countdowns and the like are seen, and not read out. @param {string} text */
export const announce = (text) => {
  element('announcer').textContent = text;
};

/** Shows it, and says it. @param {string} id @param {string} text */
export const tell = (id, text) => {
  element(id).textContent = text;
  announce(text);
};

/**
 * A new element with text and children; never HTML.
 * @param {string} name
 * @param {Record<string, any>} [properties]
 * @param {Array<Node | string>} [children]
 */
export const make = (name, properties = {}, children = []) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};
