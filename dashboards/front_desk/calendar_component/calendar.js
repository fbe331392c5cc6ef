// Draws a calendar that Python has laid out: columns of minutes, or a roster of chips. Tells what was pressed or dropped.
// `data` holds plain values only; every word from a record is set as text, never as HTML.

const SNAP_MINUTES = 5;
const DRAG_BEGINS_PX = 5;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined && text !== null) made.textContent = text;
  return made;
}

function clock(minute) {
  const day = ((minute % 1440) + 1440) % 1440;
  return `${String(Math.floor(day / 60)).padStart(2, "0")}:${String(day % 60).padStart(2, "0")}`;
}

// Visits that share time in one column (imported double bookings) stand side by side.
function lanes(visits) {
  const ends = [];
  const placed = new Map();
  for (const visit of [...visits].sort((a, b) => a.from - b.from)) {
    let lane = ends.findIndex((end) => end <= visit.from);
    if (lane < 0) lane = ends.push(0) - 1;
    ends[lane] = visit.to;
    placed.set(visit.id, lane);
  }
  return { placed, count: Math.max(1, ends.length) };
}

function visitButton(visit, act) {
  const button = element("button", `visit ${visit.state}`);
  button.type = "button";
  button.dataset.visit = visit.id;
  button.setAttribute("aria-label", visit.label);
  button.title = visit.label;
  button.append(element("b", null, visit.title), element("span", null, visit.sub));
  button.addEventListener("click", () => act({ kind: "open", id: visit.id, version: visit.version }));
  return button;
}

// A pointer that moves far enough drags; where it is let go decides. Escape takes it back. The form does the same.
function makeDraggable(button, visit, board, act) {
  button.addEventListener("pointerdown", (down) => {
    if (down.button !== 0 || !visit.movable) return;
    const begun = { x: down.clientX, y: down.clientY };
    let ghost = null;
    const move = (event) => {
      if (!ghost && Math.hypot(event.clientX - begun.x, event.clientY - begun.y) < DRAG_BEGINS_PX) return;
      if (!ghost) {
        ghost = board.ghostOf(button);
      }
      board.follow(ghost, event, begun, visit);
    };
    const end = (event) => {
      stop();
      if (!ghost) return;
      const target = event.type === "pointerup" ? board.target(event, begun, visit) : null;
      ghost.remove();
      board.unmark();
      swallowClick();
      if (target) act({ kind: "move", id: visit.id, version: visit.version, ...target });
    };
    const escape = (event) => event.key === "Escape" && end(event);
    const stop = () => {
      window.removeEventListener("pointermove", move);
      window.removeEventListener("pointerup", end);
      window.removeEventListener("pointercancel", end);
      window.removeEventListener("keydown", escape);
    };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", end);
    window.addEventListener("pointercancel", end);
    window.addEventListener("keydown", escape);
  });
}

// The browser ends a drag with a click on whatever lies beneath: that one is not meant.
function swallowClick() {
  const swallow = (event) => event.stopPropagation();
  window.addEventListener("click", swallow, { capture: true, once: true });
  setTimeout(() => window.removeEventListener("click", swallow, { capture: true }), 50);
}

function ghostOf(button) {
  const box = button.getBoundingClientRect();
  const ghost = button.cloneNode(true);
  ghost.classList.add("ghost");
  Object.assign(ghost.style, {
    position: "fixed", left: `${box.left}px`, top: `${box.top}px`, width: `${box.width}px`, height: `${box.height}px`,
  });
  button.getRootNode().querySelector(".calendar").append(ghost);
  return ghost;
}

function timeGrid(data, act) {
  const { from, to, perMinute } = data;
  const grid = element("div", "grid");
  grid.style.setProperty("--columns", data.columns.length);
  const height = (to - from) * perMinute;
  const heads = element("div", "heads");
  heads.append(element("div", "corner"));
  for (const column of data.columns) {
    const head = element("div", "head");
    head.append(element("b", null, column.title), element("span", null, column.sub));
    heads.append(head);
  }
  const body = element("div", "body");
  const ruler = element("div", "ruler");
  ruler.style.height = `${height}px`;
  for (let hour = Math.ceil(from / 60); hour * 60 < to; hour += 1) {
    const mark = element("span", null, clock(hour * 60));
    mark.style.top = `${(hour * 60 - from) * perMinute}px`;
    ruler.append(mark);
  }
  body.append(ruler);
  const columns = data.columns.map((column) => {
    const place = element("div", "column");
    place.dataset.column = column.id;
    place.style.height = `${height}px`;
    place.style.setProperty("--hour", `${60 * perMinute}px`);
    for (const [begin, end] of column.open) place.append(stripe("open", begin, end, data));
    for (const block of column.blocks) {
      const closed = element("button", "block", block.words);
      closed.type = "button";
      closed.setAttribute("aria-label", `${block.words}, ${clock(block.from)} to ${clock(block.to)}`);
      Object.assign(closed.style, between(block.from, block.to, data));
      closed.addEventListener("click", () => act({ kind: "block", id: block.id, version: block.version }));
      place.append(closed);
    }
    if (column.now !== null) place.append(stripe("now", column.now, column.now + 1, data));
    place.addEventListener("click", (event) => {
      if (event.target !== place && !event.target.classList.contains("open")) return;
      const minute = from + (event.clientY - place.getBoundingClientRect().top) / perMinute;
      act({ kind: "new", column: column.id, minute: Math.floor(minute / data.step) * data.step });
    });
    return place;
  });
  const board = {
    ghostOf,
    place(event) {
      return columns.find((one) => {
        const box = one.getBoundingClientRect();
        return event.clientX >= box.left && event.clientX < box.right && event.clientY >= box.top && event.clientY < box.bottom;
      });
    },
    target(event, begun, visit) {
      const place = board.place(event);
      if (!place) return null;
      const moved = (event.clientY - begun.y) / perMinute;
      const minute = Math.round((visit.from + moved) / SNAP_MINUTES) * SNAP_MINUTES;
      const same = minute === visit.from && place.dataset.column === visit.column;
      return same || minute < from || minute >= to ? null : { column: place.dataset.column, minute };
    },
    follow(ghost, event, begun, visit) {
      ghost.style.translate = `${event.clientX - begun.x}px ${event.clientY - begun.y}px`;
      const target = board.target(event, begun, visit);
      ghost.querySelector("span").textContent = target ? clock(target.minute) : "";
      board.unmark();
      board.place(event)?.classList.add("over");
    },
    unmark() {
      for (const one of columns) one.classList.remove("over");
    },
  };
  data.columns.forEach((column, index) => {
    const beside = lanes(column.visits);
    for (const visit of column.visits) {
      const button = visitButton(visit, act);
      Object.assign(button.style, between(visit.from, visit.to, data));
      const share = 100 / beside.count;
      button.style.left = `calc(${beside.placed.get(visit.id) * share}% + 2px)`;
      button.style.width = `calc(${share}% - 4px)`;
      makeDraggable(button, { ...visit, column: column.id }, board, act);
      columns[index].append(button);
    }
    body.append(columns[index]);
  });
  grid.append(heads, body);
  return grid;
}

function between(begin, end, data) {
  const top = Math.max(begin, data.from);
  const height = Math.max(0, Math.min(end, data.to) - top) * data.perMinute;
  return { top: `${(top - data.from) * data.perMinute}px`, height: `${Math.max(height, 14)}px` };
}

function stripe(kind, begin, end, data) {
  const made = element("div", kind);
  const box = between(begin, end, data);
  Object.assign(made.style, kind === "now" ? { top: box.top } : box);
  return made;
}

// Many calendars in one week: a row each, a cell a day, a chip a visit. A chip that is dropped keeps its time.
function roster(data, act) {
  const table = element("div", "roster");
  table.style.setProperty("--columns", data.days.length);
  table.append(element("div", "corner"));
  for (const day of data.days) {
    const head = element("div", "head");
    head.append(element("b", null, day.title), element("span", null, day.sub));
    table.append(head);
  }
  const cells = [];
  const board = {
    ghostOf,
    target(event, _begun, visit) {
      const cell = board.place(event);
      const same = cell && cell.dataset.row === visit.row && cell.dataset.day === visit.day;
      return cell && !same ? { column: cell.dataset.row, day: cell.dataset.day, minute: visit.from } : null;
    },
    place(event) {
      return cells.find((one) => {
        const box = one.getBoundingClientRect();
        return event.clientX >= box.left && event.clientX < box.right && event.clientY >= box.top && event.clientY < box.bottom;
      });
    },
    follow(ghost, event, begun) {
      ghost.style.translate = `${event.clientX - begun.x}px ${event.clientY - begun.y}px`;
      board.unmark();
      board.place(event)?.classList.add("over");
    },
    unmark() {
      for (const one of cells) one.classList.remove("over");
    },
  };
  for (const row of data.rows) {
    const head = element("div", "rowhead");
    head.append(element("b", null, row.title), element("span", null, row.sub));
    table.append(head);
    row.cells.forEach((visits, index) => {
      const cell = element("div", `cell${row.open[index] ? "" : " shut"}`);
      Object.assign(cell.dataset, { row: row.id, day: data.days[index].id });
      for (const visit of visits) {
        const chip = visitButton(visit, act);
        makeDraggable(chip, { ...visit, row: row.id, day: data.days[index].id }, board, act);
        cell.append(chip);
      }
      cells.push(cell);
      table.append(cell);
    });
  }
  return table;
}

export default function draw(component) {
  const { data, parentElement, setTriggerValue } = component;
  const act = (said) => setTriggerValue("act", said);
  const calendar = element("div", "calendar");
  calendar.setAttribute("role", "region");
  calendar.setAttribute("aria-label", data.label);
  calendar.tabIndex = 0;
  calendar.append(data.rows ? roster(data, act) : timeGrid(data, act));
  const root = parentElement.querySelector(".root");
  const before = root.querySelector(".calendar");
  const kept = before ? [before.scrollLeft, before.scrollTop] : null;
  root.replaceChildren(calendar);
  if (kept) [calendar.scrollLeft, calendar.scrollTop] = kept;
  else if (data.scrollTo) calendar.scrollTop = data.scrollTo;
}
