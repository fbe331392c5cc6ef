// The editor of a note: saves itself, keeps a copy in this browser until the server has the words, expands dot-phrases.
//
// data: { copy, version, acked, reset, sections, plan, phrases, focus, forget }
//   copy     key of this person's copy of this note; every other person's copies are removed
//   version  of the stored draft that `sections` and `plan` say
//   acked    number of the last payload that the server has stored
//   reset    grows when the server's words must replace those on the screen
//   focus    { field, n }: go there once for each n
//   forget   true: remove every copy (after signing out)
// state `typed`: { n, base, reset, restored, texts, findings, plan } after each pause in typing; trigger `act`: { act, id, n }.

const PREFIX = "almoner-note/";
const PAUSE_MS = 700;
const kept = new WeakMap();

export default function (component) {
  const { data, parentElement } = component;
  if (data.forget) {
    removeCopies(() => true);
    return;
  }
  let editor = kept.get(parentElement);
  if (!editor) {
    editor = new Editor(parentElement);
    kept.set(parentElement, editor);
  }
  editor.draw(component);
  return () => editor.flush();
}

function removeCopies(which) {
  for (const key of Object.keys(localStorage)) {
    if (key.startsWith(PREFIX) && which(key)) localStorage.removeItem(key);
  }
}

class Editor {
  constructor(parent) {
    this.root = document.createElement("div");
    this.root.className = "note";
    parent.appendChild(this.root);
    this.fields = new Map();
    this.n = 0;
    this.reset = null;
    this.focused = 0;
    this.timer = null;
    window.addEventListener("pagehide", () => this.flush());
  }

  draw(component) {
    this.component = component;
    this.data = component.data;
    const first = this.reset === null;
    const fresh = this.reset !== this.data.reset;
    if (first) {
      this.n = this.data.acked;
      const mine = PREFIX + this.data.copy.split("/")[0] + "/";
      removeCopies((key) => !key.startsWith(mine));
    }
    this.reset = this.data.reset;
    this.layOut();
    for (const field of this.fields.values()) {
      const untouched = field.read() === field.known;
      if (fresh || untouched) field.write(field.stored);
      field.known = field.stored;
    }
    this.version = this.data.version;
    if (first) this.restore();
    if (this.data.acked >= this.n && !this.timer) this.dropCopy();
    this.tell();
    this.goTo();
  }

  layOut() {
    const shape = JSON.stringify([
      this.data.sections.map((s) => [s.id, s.kind, s.lines]),
      this.data.plan.map((p) => [p.id, p.name, p.code]),
    ]);
    if (shape === this.shape) {
      this.takeStored();
      return;
    }
    this.shape = shape;
    const words = new Map([...this.fields].map(([id, field]) => [id, [field.read(), field.known]]));
    this.root.replaceChildren();
    this.fields = new Map();
    this.status = element("p", { className: "status", role: "status" });
    this.root.append(this.status);
    for (const section of this.data.sections) this.root.append(this.section(section));
    this.takeStored();
    for (const [id, [value, known]] of words) {
      const field = this.fields.get(id);
      if (field) {
        field.write(value);
        field.known = known;
      }
    }
  }

  takeStored() {
    for (const section of this.data.sections) {
      if (section.kind === "text") this.fields.get(`texts.${section.id}`).stored = section.words;
      for (const system of section.systems || [])
        this.fields.get(`findings.${system.id}`).stored = pack(system.state, system.words);
    }
    for (const item of this.data.plan) this.fields.get(`plan.${item.id}`).stored = item.words;
  }

  section(section) {
    const box = element("section", { className: "part" });
    const heading = element("h3", {}, section.title + (section.required ? " (required)" : ""));
    box.append(heading);
    if (section.kind === "text") box.append(this.area(`texts.${section.id}`, section.title, section.hint, section.id));
    if (section.kind === "findings") this.findings(box, section);
    if (section.kind === "pulled") this.pulled(box, section, heading);
    if (section.kind === "plan") this.plan(box);
    return box;
  }

  area(id, label, hint, section) {
    const area = element("textarea", { rows: section === "subjective" ? 6 : 3, placeholder: hint || "" });
    area.setAttribute("aria-label", label);
    area.dataset.field = id;
    area.addEventListener("input", (event) => {
      this.expand(area, event);
      grow(area);
      this.changed();
    });
    area.addEventListener("focusout", () => this.flush());
    this.fields.set(id, {
      stored: "",
      known: "",
      read: () => area.value,
      write: (value) => {
        if (area.value !== value) area.value = value;
        grow(area);
      },
      element: area,
    });
    return area;
  }

  findings(box, section) {
    const all = element("button", { type: "button", className: "small" }, "All normal");
    all.setAttribute("aria-label", `${section.title}: all not yet examined are normal`);
    all.addEventListener("click", () => {
      for (const system of section.systems) {
        const field = this.fields.get(`findings.${system.id}`);
        const [state, words] = unpack(field.read());
        if (state === "not_examined") field.write(pack("normal", words));
      }
      this.changed();
      this.flush();
    });
    box.append(all);
    for (const system of section.systems) box.append(this.system(section, system));
  }

  system(section, system) {
    const row = element("div", { className: "system" });
    row.append(element("span", { className: "name" }, system.title));
    const states = element("span", { className: "states", role: "group" });
    states.setAttribute("aria-label", `${section.title}, ${system.title}`);
    const buttons = {};
    for (const [state, label] of [["normal", "Normal"], ["abnormal", "Abnormal"]]) {
      const button = element("button", { type: "button", className: `small ${state}` }, label);
      button.setAttribute("aria-label", `${system.title} ${label.toLowerCase()}`);
      button.addEventListener("click", () => {
        const [now, words] = unpack(field.read());
        field.write(pack(now === state ? "not_examined" : state, words));
        if (state === "abnormal" && now !== state) input.focus();
        this.changed();
        this.flush();
      });
      buttons[state] = button;
      states.append(button);
    }
    const input = element("input", { type: "text", placeholder: system.normal });
    input.setAttribute("aria-label", `${section.title}, ${system.title}: exceptions`);
    input.dataset.field = `findings.${system.id}`;
    let current = "not_examined";
    const show = (state) => {
      current = state;
      for (const [name, button] of Object.entries(buttons)) button.setAttribute("aria-pressed", String(name === state));
    };
    const field = {
      stored: pack("not_examined", ""),
      known: pack("not_examined", ""),
      read: () => pack(current, input.value),
      write: (value) => {
        const [state, words] = unpack(value);
        show(state);
        if (input.value !== words) input.value = words;
      },
      element: input,
    };
    input.addEventListener("input", (event) => {
      this.expand(input, event);
      if (current === "not_examined" && input.value.trim()) show("abnormal");
      this.changed();
    });
    input.addEventListener("focusout", () => this.flush());
    this.fields.set(`findings.${system.id}`, field);
    row.append(states, input);
    return row;
  }

  pulled(box, section, heading) {
    const refresh = element("button", { type: "button", className: "small" }, "Refresh from the chart");
    refresh.addEventListener("click", () => this.act("refresh"));
    heading.after(refresh);
    for (const block of section.lines) {
      box.append(element("h4", {}, `${block.heading} · ${block.at}`));
      const list = element("ul");
      for (const line of block.lines) list.append(element("li", {}, line));
      box.append(list);
    }
  }

  plan(box) {
    if (!this.data.plan.length)
      box.append(element("p", { className: "hint" }, "Choose the problems of this visit beside the note, or add a diagnosis."));
    this.data.plan.forEach((item, place) => {
      const row = element("div", { className: "item" });
      const head = element("h4", {}, `${place + 1}. ${item.name}` + (item.code ? ` (${item.code})` : ""));
      const remove = element("button", { type: "button", className: "small" }, "Remove");
      remove.setAttribute("aria-label", `Remove ${item.name} from this visit`);
      remove.addEventListener("click", () => this.act("remove", item.id));
      head.append(" ", remove);
      row.append(head, this.area(`plan.${item.id}`, `Plan for ${item.name}`, "Assessment and plan"));
      box.append(row);
    });
  }

  // A dot-phrase becomes its words when a space or a new line follows it.
  expand(box, event) {
    if (!/^(insertText|insertLineBreak|insertFromPaste)$/.test(event.inputType || "insertText")) return;
    const end = box.selectionStart;
    const match = box.value.slice(0, end).match(/(^|\s)\.([a-z][a-z0-9-]*)(\s)$/);
    const words = match && this.data.phrases[match[2]];
    if (!words) return;
    const from = end - match[2].length - 1 - match[3].length;
    box.setRangeText(words + match[3], from, end, "end");
    const blank = box.value.indexOf("***", from);
    if (blank >= 0 && blank < from + words.length) box.setSelectionRange(blank, blank + 3);
  }

  changed() {
    this.keepCopy();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), PAUSE_MS);
    this.tell();
  }

  flush() {
    if (!this.timer) return;
    clearTimeout(this.timer);
    this.timer = null;
    this.send();
  }

  send(restored) {
    this.n += 1;
    const about = { n: this.n, base: this.version, reset: this.reset, restored: Boolean(restored) };
    this.component.setStateValue("typed", { ...about, ...this.values() });
    this.tell();
  }

  act(act, id) {
    this.flush();
    this.component.setTriggerValue("act", { act, id: id || null, n: this.n });
  }

  values() {
    const found = { texts: {}, findings: {}, plan: {} };
    for (const [id, field] of this.fields) {
      const [group, ...rest] = id.split(".");
      const name = rest.join(".");
      if (group !== "findings") found[group][name] = field.read();
      else {
        const [state, words] = unpack(field.read());
        found.findings[name] = { state, words };
      }
    }
    return found;
  }

  keepCopy() {
    const copy = { base: this.version, ...this.values() };
    try {
      localStorage.setItem(PREFIX + this.data.copy, JSON.stringify(copy));
    } catch {
      this.noCopy = true;
    }
  }

  dropCopy() {
    localStorage.removeItem(PREFIX + this.data.copy);
  }

  // Words that never reached the server: a crash, a closed lid, a lost network.
  restore() {
    const raw = localStorage.getItem(PREFIX + this.data.copy);
    if (!raw) return;
    const copy = JSON.parse(raw);
    let differs = false;
    for (const [id, field] of this.fields) {
      const [group, ...rest] = id.split(".");
      const held = copy[group] && copy[group][rest.join(".")];
      if (held === undefined) continue;
      const value = group === "findings" ? pack(held.state, held.words) : held;
      if (value !== field.read()) {
        field.write(value);
        differs = true;
      }
    }
    if (!differs) return;
    this.version = copy.base;
    this.send(true);
  }

  tell() {
    const waiting = this.timer || this.data.acked < this.n;
    this.status.textContent = waiting ? "Saving …" : `Saved · ${this.data.saved}`;
    if (this.noCopy) this.status.textContent += " · This browser keeps no copy";
  }

  goTo() {
    const wanted = this.data.focus;
    if (!wanted || wanted.n <= this.focused) return;
    this.focused = wanted.n;
    const exact = this.fields.get(wanted.field);
    const found = exact ? exact.element : this.root.querySelector(`[data-field^="${CSS.escape(wanted.field)}"]`);
    if (found) {
      found.scrollIntoView({ block: "center" });
      found.focus();
    }
  }
}

function element(tag, properties = {}, text) {
  const made = Object.assign(document.createElement(tag), properties);
  if (properties.role) made.setAttribute("role", properties.role);
  if (text !== undefined) made.textContent = text;
  return made;
}

function grow(area) {
  if (area.tagName !== "TEXTAREA") return;
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + 2}px`;
}

function pack(state, words) {
  return `${state} ${words || ""}`;
}

function unpack(value) {
  const place = value.indexOf(" ");
  return [value.slice(0, place), value.slice(place + 1)];
}
