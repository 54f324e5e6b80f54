// A form as a JSON value, and back: `{ name: 'text', choice: ['a', 'b'] }`. Secrets are never read.

/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Field */
/** @typedef {Record<string, string | string[]>} Values */

/** Hidden fields hold what the page put there, tokens among it. */
const NEVER = /password|file|hidden/;

/** https://html.spec.whatwg.org/#autofill: cards, codes, passwords of any kind. */
const SECRET = /\bcc-|one-time-code|-password/i;

/**
 * @param {HTMLFormElement} form
 * @returns {Values}
 */
export const readForm = (form) => {
  /** @type {Values} */
  const values = {};
  for (const field of fieldsOf(form)) {
    const { name } = field;
    const before = values[name];
    const chosen = choices(field)?.filter(isChosen).map(({ value }) => value);
    // A list of what is chosen, or of the texts if several fields have this name, in their order.
    values[name] = chosen || before !== undefined ? [before ?? [], chosen ?? field.value].flat() : field.value;
  }
  return values;
};

/**
 * Fills in what differs. When all of it is there, tells the page as if the person had typed it.
 * @param {HTMLFormElement} form
 * @param {Values} values
 * @param {Set<string>} [except] names of fields that are left as they are
 */
export const fillForm = (form, values, except) => {
  /** @type {Record<string, number>} */
  const places = {};
  const changed = fieldsOf(form).filter((field) => {
    const { name } = field;
    if (!(name in values) || except?.has(name)) return false;
    const list = [/** @type {string | string[]} */ (values[name])].flat();
    const before = stateOf(field);
    const options = choices(field);
    if (options) for (const option of options) option['checked' in option ? 'checked' : 'selected'] = list.includes(option.value);
    else field.value = list[(places[name] = (places[name] ?? -1) + 1)] ?? '';
    return stateOf(field) !== before;
  });
  for (const field of changed) field.dispatchEvent(new Event('input', { bubbles: true }));
};

/**
 * @param {HTMLFormElement} form
 * @returns {Field[]}
 */
const fieldsOf = (form) =>
  /** @type {Field[]} */ ([...form.elements]).filter(
    (field) =>
      field.name &&
      'value' in field &&
      !NEVER.test(field.type) &&
      !SECRET.test(/** @type {string} */ (field.getAttribute('autocomplete'))) &&
      !field.closest('[data-no-draft]'),
  );

/** @param {Field} field */
const stateOf = (field) => `${choices(field)?.map(isChosen) ?? field.value}`;

/**
 * What a person can choose in this field; nothing if it is for text.
 * @param {any} field
 * @returns {any[] | undefined}
 */
const choices = (field) => (/^(checkbox|radio)$/.test(field.type) ? [field] : field.options && [...field.options]);

/** @param {any} choice a box, or an option of a list */
const isChosen = (choice) => choice.checked ?? choice.selected;
