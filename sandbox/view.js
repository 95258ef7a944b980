// What a person could act on in this document. Runs in an isolated world, where the page's own
// scripts can neither see nor replace anything here. Returns the functions the host calls.
(() => {
  const NATIVE = 'a[href],button,input,select,textarea,summary,[contenteditable=""],[contenteditable="true"]';
  const ROLES = new Set(['button', 'link', 'tab', 'menuitem', 'menuitemcheckbox', 'menuitemradio', 'option',
    'checkbox', 'radio', 'switch', 'textbox', 'searchbox', 'combobox', 'listbox', 'treeitem', 'slider', 'spinbutton']);
  const FILLED = new Set(['text', 'password', 'email', 'search', 'tel', 'url', 'number', 'date', 'time',
    'datetime-local', 'month', 'week', 'color', 'range']);
  const SET = new Set(['date', 'time', 'datetime-local', 'month', 'week', 'color', 'range']);
  const SECRET = new Set(['password', 'text', 'email', 'tel', 'number']);
  const LIMIT = 200;
  const FIELD = 20000; // characters of a field's text that leave the page; typed are at most half
  const fold = (text) => (text || '').replace(/[\s\x00-\x1f\x7f-\x9f]+/g, ' ').trim();
  // What is cut must still be found: no space at the end, which folding takes off, no half character.
  const cut = (text, length) => (text.length > length
    ? text.slice(0, length).replace(/[\uD800-\uDBFF]$/, '').trimEnd() : text);
  // A form's fields hide its properties when they are named alike: <input name="children">.
  const get = (node, name) => (node instanceof HTMLFormElement
    ? Reflect.get(HTMLElement.prototype, name, node) : node[name]);
  const ask = (node, name, ...args) => get(node, name).apply(node, args);

  function* walk(root) {
    if (!root) return; // a document may be empty
    for (const node of get(root, 'children') || []) {
      yield node;
      if (get(node, 'shadowRoot')) yield* walk(node.shadowRoot);
      yield* walk(node);
    }
  }

  const roleOf = (el, style) => {
    const given = fold(el.getAttribute('role')).split(' ')[0];
    if (ROLES.has(given)) return given === 'searchbox' ? 'textbox' : given;
    const tag = el.tagName.toLowerCase();
    if (tag === 'input') {
      const type = (el.type || 'text').toLowerCase();
      if (type === 'hidden') return '';
      if (type === 'checkbox' || type === 'radio') return type;
      if (['button', 'submit', 'reset', 'image', 'file'].includes(type)) return 'button';
      return type === 'range' ? 'slider' : 'textbox';
    }
    if (tag === 'textarea') return 'textbox';
    if (tag === 'select') return el.multiple ? 'listbox' : 'combobox';
    if (tag === 'button' || tag === 'summary') return 'button';
    if (tag === 'a' && el.hasAttribute('href')) return 'link';
    if (el.matches('[contenteditable=""],[contenteditable="true"]')) return 'textbox';
    const parent = el.parentElement;
    const pointer = style.cursor === 'pointer';
    const inherits = pointer && parent && getComputedStyle(parent).cursor === 'pointer';
    const bare = !fold(el.textContent) && !el.children.length;
    if (!pointer && !el.hasAttribute('onclick')) return '';
    if (bare || tag === 'img' || tag === 'svg') return 'icon';
    if (inherits && !el.hasAttribute('onclick')) return '';
    return style.display === 'inline' ? 'link' : 'item';
  };

  const labelFrom = (ids) => fold(ids.split(/\s+/).map((id) => document.getElementById(id)?.textContent || '').join(' '));

  // Text just before a form control that nothing labels, as a person would read it.
  const before = (el) => {
    for (let node = el.previousSibling; node; node = get(node, 'previousSibling')) {
      if (get(node, 'nodeType') === 1 && (ask(node, 'matches', NATIVE) || ask(node, 'querySelector', NATIVE))) return '';
      const text = fold(get(node, 'textContent'));
      if (text) return cut(text, 40);
    }
    const parent = el.parentElement;
    if (parent && parent.tagName === 'TD') return cut(fold(parent.previousElementSibling?.textContent), 40);
    return '';
  };

  const nameOf = (el, role) => {
    const by = el.getAttribute('aria-labelledby');
    // A computed label, as for tab panels that their tab labels, says less than the text of an item itself.
    let name = fold(el.getAttribute('aria-label')) || (by && !fold(el.innerText) ? labelFrom(by) : '');
    const tag = el.tagName;
    if (!name && el.labels && el.labels.length) {
      name = fold([...el.labels].map((label) => {
        const copy = label.cloneNode(true);
        copy.querySelectorAll('select,textarea').forEach((inner) => inner.remove());
        return copy.textContent;
      }).join(' '));
    }
    if (!name && tag === 'INPUT' && role === 'button') name = fold(el.value) || fold(el.alt);
    if (!name && ['textbox', 'combobox', 'listbox', 'slider', 'checkbox', 'radio'].includes(role) && tag.match(/INPUT|SELECT|TEXTAREA/)) {
      return cut(fold(el.placeholder) || fold(el.title) || before(el), 80);
    }
    if (!name) name = fold(el.innerText) || fold(el.alt) || fold(el.title) || fold(el.querySelector('img[alt]')?.alt);
    if (!name) name = fold(typeof el.className === 'string' ? el.className : '').split(' ')[0] || el.id;
    return cut(name, 80);
  };

  const firstClass = (el) => {
    const given = get(el, 'className');
    return typeof given === 'string' ? cut(fold(given.slice(0, 200)).split(' ')[0], 80) : '';
  };
  const kindOf = (el) => firstClass(el) || (el.parentElement ? firstClass(el.parentElement) : '') || el.tagName.toLowerCase();

  const pieces = (root) => {
    const texts = [];
    const visit = (el) => {
      if (texts.length >= 8) return;
      const own = fold([...get(el, 'childNodes')].filter((node) => node.nodeType === 3).map((node) => node.data).join(' '));
      if (own) texts.push(cut(own, 60));
      for (const child of get(el, 'children')) {
        if (get(child, 'offsetParent') !== null || ask(child, 'getClientRects').length) visit(child);
      }
    };
    visit(root);
    return texts;
  };

  // The repeated item (row, entry, card) that holds the element: an ancestor with a sibling made alike.
  const rowOf = (el, name) => {
    let node = el.parentElement;
    for (let depth = 0; node && node !== document.body && depth < 6; depth += 1, node = get(node, 'parentElement')) {
      if (get(node, 'tagName') === 'TD' || get(node, 'tagName') === 'TH') continue; // cells of a row
      const alike = [...(get(node, 'parentElement')?.children || [])].some(
        (other) => other !== node && get(other, 'tagName') === get(node, 'tagName') && firstClass(other) === firstClass(node));
      if (alike) {
        const texts = pieces(node);
        // An item that is nothing but the element's own name tells nothing apart.
        if (texts.length === 1 && texts[0] === name) return [];
        if (texts.length) return texts.join('').length > 300 ? [] : texts;
      }
    }
    return [];
  };

  const clipped = (el, x, y) => {
    for (let node = el.parentElement; node && node !== document.documentElement; node = get(node, 'parentElement')) {
      const style = getComputedStyle(node);
      if (style.overflowX === 'visible' && style.overflowY === 'visible') continue;
      const box = ask(node, 'getBoundingClientRect');
      if (x >= box.left && x <= box.right && y >= box.top && y <= box.bottom) continue;
      const scrolls = /auto|scroll/.test(style.overflowX + style.overflowY) && box.width > 0 && box.height > 0;
      if (node !== document.body) return scrolls ? 'scroll' : 'hidden';
    }
    if (x < 0 || y < 0 || x >= innerWidth || y >= innerHeight) return 'scroll';
    return '';
  };

  // A point that a click on the element would hit, or null when something else is in the way.
  const point = (el) => {
    for (const box of el.getClientRects()) {
      if (box.width < 1 || box.height < 1) continue;
      const x = box.left + box.width / 2;
      const y = box.top + box.height / 2;
      const clip = clipped(el, x, y);
      if (clip === 'scroll') return { x, y, scroll: true };
      if (clip === 'hidden') continue;
      let hit = document.elementFromPoint(x, y);
      while (hit && get(hit, 'shadowRoot') && hit.shadowRoot.elementFromPoint(x, y) !== hit) {
        const inner = hit.shadowRoot.elementFromPoint(x, y);
        if (!inner) break;
        hit = inner;
      }
      if (!hit) continue;
      if (hit === el || el.contains(hit) || hit.tagName === 'LABEL' && hit.contains(el)) return { x, y, scroll: false };
      if (el.labels && [...el.labels].some((label) => label.contains(hit))) return { x, y, scroll: false };
    }
    return null;
  };

  const collect = () => {
    const found = [];
    for (const el of walk(document.body || document.documentElement)) {
      if (found.length >= LIMIT) break;
      if (['OPTION', 'SCRIPT', 'STYLE', 'FORM'].includes(get(el, 'tagName'))) continue;
      if (!el.getClientRects().length) continue;
      const style = getComputedStyle(el);
      if (style.visibility !== 'visible') continue;
      const role = roleOf(el, style);
      if (!role) continue;
      const at = point(el);
      if (!at) continue;
      found.push({ el, role, at, name: nameOf(el, role), kind: kindOf(el), row: null });
    }
    // A control nested in another of the same name (a link in a tab) is one thing to a person.
    return found.filter((item) => !found.some((outer) => outer !== item && outer.name === item.name
      && outer.el.contains(item.el)));
  };

  const matches = (item, locator) => {
    if (item.role !== locator.role) return false;
    const name = item.name;
    if (locator.name !== undefined && name !== fold(locator.name)) return false;
    if (locator.starts !== undefined && !name.startsWith(locator.starts)) return false;
    if (locator.ends !== undefined && !name.endsWith(locator.ends)) return false;
    if (locator.contains !== undefined && !name.includes(locator.contains)) return false;
    if (locator.kind !== undefined && item.kind !== locator.kind) return false;
    if (locator.row !== undefined) {
      const row = rowOf(item.el, name);
      const wanted = fold(locator.row);
      if (!row.some((text) => text === wanted)) return false;
    }
    return true;
  };

  const find = (locator) => collect().filter((item) => matches(item, locator));

  const disabled = (el) => el.matches(':disabled') || el.getAttribute('aria-disabled') === 'true';
  const checkedOf = (el) => {
    if (el.type === 'checkbox' || el.type === 'radio') return el.checked;
    for (const name of ['aria-checked', 'aria-selected', 'aria-expanded']) {
      const value = el.getAttribute(name);
      if (value === 'true' || value === 'false') return value === 'true';
    }
    return null;
  };
  const optionOf = (option) => cut(fold(option.text), 200);
  const valueOf = (el) => {
    if (el.tagName === 'SELECT') return fold([...el.selectedOptions].map((option) => option.text).join(', '));
    if (el.type === 'password') return el.value;
    if (el.type === 'checkbox' || el.type === 'radio') return '';
    if (el.tagName === 'INPUT' || el.tagName === 'TEXTAREA') return el.value;
    return el.isContentEditable ? fold(el.innerText) : '';
  };
  const actionsOf = (el, role) => {
    if (el.tagName === 'SELECT') return ['select'];
    if (el.type === 'file') return ['upload'];
    if (el.type === 'checkbox' || el.type === 'radio' || role === 'checkbox' || role === 'radio' || role === 'switch') return ['check'];
    if ((el.tagName === 'INPUT' && FILLED.has(el.type)) || el.tagName === 'TEXTAREA' || el.isContentEditable) return ['fill', 'click'];
    return ['click'];
  };

  const view = (textLimit) => {
    const items = collect();
    const seen = new Map();
    const kinds = new Map();
    const number = (map, key) => { const n = map.get(key) || 0; map.set(key, n + 1); return n; };
    const elements = items.map(({ el, role, name, kind, at }) => {
      const box = el.getBoundingClientRect();
      return {
        role, name, kind,
        nth: number(seen, role + '\n' + name),
        index: number(kinds, role + '\n' + kind),
        value: cut(valueOf(el), 200),
        checked: checkedOf(el),
        disabled: disabled(el),
        options: el.tagName === 'SELECT' ? [...el.options].slice(0, 60).map(optionOf) : [],
        row: rowOf(el, name),
        box: [box.left, box.top, box.width, box.height].map(Math.round),
        actions: actionsOf(el, role),
      };
    });
    return { url: location.href.slice(0, 4000), title: cut(document.title, 400), elements, text: cut(fold(document.body?.innerText), textLimit) };
  };

  // Changes whenever something a person could act on comes, goes, moves or is renamed.
  const signature = () => collect().map(({ el, role, name, at }) =>
    `${role}|${name}|${Math.round(at.x)}|${Math.round(at.y)}|${disabled(el)}`).join('\n');

  // Scripts animate by rewriting styles: while that goes on, nothing is where it will be.
  let restyled = -1000;
  let changed = performance.now();
  new MutationObserver((records) => {
    changed = performance.now();
    if (records.some((record) => record.attributeName === 'style')) restyled = changed;
  }).observe(document, { attributes: true, characterData: true, childList: true, subtree: true });
  const moving = () => performance.now() - restyled < 60
    || document.getAnimations().some((run) => run.playState === 'running' && run.effect?.getComputedTiming().endTime !== Infinity);

  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  // Wait until samples in a row are equal and `quiet` ms have passed without a change. Where nothing
  // was done since the last time (not `acted`) and nothing has changed, they have passed already.
  let settled = null;
  const settle = async (quiet, limit, acted) => {
    const start = performance.now();
    let last = signature();
    if (!acted && last === settled && start - changed >= quiet && !moving()) return;
    let since = start;
    while (performance.now() - start < limit) {
      await pause(25);
      const now = signature();
      if (now !== last || moving()) { last = now; since = performance.now(); }
      else if (performance.now() - since >= quiet) break;
    }
    settled = last;
  };

  // Bring the element under the pointer: its point, what it is, and why not if it cannot be acted on.
  const target = async (locator, patience) => {
    const start = performance.now();
    let hits = [];
    for (;;) {
      hits = find(locator);
      if (hits.length > (locator.nth || 0)) break;
      if (performance.now() - start >= patience) return { problem: 'missing', seen: hits.length };
      await pause(30);
    }
    const item = hits[locator.nth || 0];
    if (disabled(item.el)) return { problem: 'disabled', name: item.name };
    let at = item.at;
    if (at.scroll) {
      item.el.scrollIntoView({ block: 'center', inline: 'nearest', behavior: 'instant' });
      at = point(item.el);
    }
    // An element under way (an animation) is clicked where it comes to rest.
    for (let round = 0; round < 60 && moving(); round += 1) await pause(20);
    at = point(item.el);
    if (!at || at.scroll) return { problem: 'covered', name: item.name };
    held = item.el;
    return { x: at.x, y: at.y, role: item.role, checked: checkedOf(item.el), value: valueOf(item.el),
      actions: actionsOf(item.el, item.role), typed: !SET.has(item.el.type),
      secret: item.el.tagName === 'INPUT' && SECRET.has(item.el.type) };
  };

  let held = null;
  const fire = (el) => {
    el.dispatchEvent(new Event('input', { bubbles: true, composed: true }));
    el.dispatchEvent(new Event('change', { bubbles: true }));
  };
  const selectAll = () => {
    if (!held) return { focused: false, disabled: false };
    if (held.select) held.select();
    else getSelection().selectAllChildren(held);
    return { focused: (held.getRootNode().activeElement || document.activeElement) === held, disabled: disabled(held) };
  };
  const setValue = (text) => { held.value = text; fire(held); };
  const origin = () => location.origin;
  // One step: nothing else, and no other document, comes between the checks and the text.
  const insert = (text, where) => {
    if (location.origin !== where || !held.isConnected) return 'has gone';
    held.focus();
    held.select();
    const active = held.getRootNode().activeElement;
    if (active !== held || disabled(held) || held.readOnly || !SECRET.has(held.type)) return 'takes no secret now';
    document.execCommand('insertText', false, text);
    if (!held.isConnected || held.value === text) return '';
    // Half a secret would be seen: what is not whole is not left there.
    held.select();
    document.execCommand('delete');
    return 'did not take the secret whole';
  };
  // Everything that a picture could show: what fields hold, and the text around them.
  const exposed = () => {
    const fields = [];
    const texts = [document.body?.innerText || ''];
    for (const el of walk(document.documentElement)) {
      if (ask(el, 'matches', 'input,textarea,select')) fields.push(el.value, el.placeholder || '');
      if (get(el, 'shadowRoot')) texts.push([...el.shadowRoot.children].map((part) => part.innerText || '').join('\n'));
    }
    return { fields, text: texts.join('\n') };
  };
  const choose = (option) => {
    const wanted = fold(option);
    const at = [...held.options].findIndex((entry) => optionOf(entry) === wanted);
    if (at < 0) return { problem: [...held.options].slice(0, 30).map(optionOf) };
    held.focus();
    held.selectedIndex = at;
    fire(held);
    return {};
  };
  // After a navigation, or in another tab, nothing is held any more.
  const state = () => (held ? { value: valueOf(held).slice(0, FIELD), checked: checkedOf(held), connected: held.isConnected } : { connected: false });
  const setFile = (name, base64) => {
    const field = held.type === 'file' ? held : held.control || held.querySelector('input[type=file]');
    if (!field || field.type !== 'file' || disabled(field)) return false;
    const given = new DataTransfer();
    given.items.add(new File([Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))], name));
    field.files = given.files;
    fire(field);
    return field.files.length === 1;
  };

  const count = (locator) => find(locator).length;
  const names = (locator) => find(locator).slice(0, 200).map((item) => item.name);
  const value = (locator) => { const hit = find(locator)[locator.nth || 0]; return hit ? valueOf(hit.el).slice(0, FIELD) : null; };
  const text = (limit) => cut(fold(document.body?.innerText), limit);

  const functions = { view, settle, target, selectAll, setValue, origin, insert, exposed, choose, setFile, state, count, names, value, text };
  // One round trip for what is read of a page at rest.
  functions.read = async (quiet, limit, acted, name, ...args) => {
    await settle(quiet, limit, acted);
    return functions[name](...args);
  };
  return functions;
})()
