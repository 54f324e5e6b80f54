// Elements without markup: a strict content security policy has nothing to object to.

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {object} [properties]
 * @param {(Node | string)[]} children
 */
export const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};
