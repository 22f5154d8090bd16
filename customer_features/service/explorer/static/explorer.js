// The page's own behaviour; everything else is rendered by the server and swapped in by htmx.
"use strict";

(() => {
  const body = document.body;
  const find = (id) => document.getElementById(id);
  // In memory and nowhere else: they are gone with the page.
  let credentials = null;

  const headers = () => ({
    "X-Explorer": "1",
    "X-Language": document.documentElement.lang,
    ...(credentials ? { "X-Customer-Api-Id": credentials.api_id, "X-Secret": credentials.secret } : {}),
  });

  const alarm = (text) => {
    const box = find("alert");
    box.textContent = text || "";
    box.hidden = !text;
    if (text) box.scrollIntoView({ block: "nearest" });
  };

  const say = (text) => {
    find("said").textContent = "";
    requestAnimationFrame(() => { find("said").textContent = text; });
  };

  const detailOf = (status, text) => {
    if (status === 401) return body.dataset.unauthorized;
    try {
      return JSON.parse(text).detail || body.dataset.failed;
    } catch {
      return body.dataset.failed;
    }
  };

  const load = (path) => htmx.ajax("GET", path, { target: "#main", swap: "innerHTML" });

  const upload = (file) => {
    alarm("");
    if (file.size > Number(body.dataset.max)) {
      alarm(body.dataset.tooLarge);
      return;
    }
    const bar = find("sent");
    const request = new XMLHttpRequest();
    request.open("PUT", "/explorer/files");
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.setRequestHeader("X-File-Name", encodeURIComponent(file.name));
    request.setRequestHeader("Content-Type", "application/octet-stream");
    if (bar) bar.hidden = false;
    say(body.dataset.uploading);
    request.upload.onprogress = (event) => {
      if (bar && event.lengthComputable) bar.value = event.loaded / event.total;
    };
    request.onload = () => {
      if (bar) bar.hidden = true;
      if (request.status !== 201) {
        alarm(detailOf(request.status, request.responseText));
        return;
      }
      const { id } = JSON.parse(request.responseText);
      location.hash = id;
      load(`/explorer/d/${id}`);
    };
    request.onerror = () => {
      if (bar) bar.hidden = true;
      alarm(body.dataset.failed);
    };
    request.send(file);
  };

  const opened = () => {
    const id = location.hash.slice(1);
    if (/^[A-Za-z0-9_-]{32}$/.test(id)) load(`/explorer/d/${id}`);
  };

  document.addEventListener("htmx:configRequest", (event) => {
    Object.assign(event.detail.headers, headers());
    alarm("");
  });
  document.addEventListener("htmx:responseError", (event) => {
    const { xhr } = event.detail;
    alarm(detailOf(xhr.status, xhr.responseText));
    if (xhr.status === 404) location.hash = "";
  });
  document.addEventListener("htmx:sendError", () => alarm(body.dataset.failed));
  document.addEventListener("htmx:afterSwap", (event) => {
    const target = event.detail.target;
    if (target.id === "detail" && !target.open) target.showModal();
    if (target.id === "main") {
      if (target.querySelector(".start")) location.hash = "";
      const heading = target.querySelector("h1");
      if (heading && !target.querySelector("[aria-busy]")) {
        heading.tabIndex = -1;
        heading.focus({ preventScroll: true });
        scrollTo(0, 0);
        say(heading.textContent);
      }
    }
  });

  document.addEventListener("change", (event) => {
    if (event.target.id === "file" && event.target.files.length) upload(event.target.files[0]);
  });
  for (const name of ["dragover", "drop"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      const drop = find("drop");
      if (drop) drop.classList.toggle("over", name === "dragover");
      if (name === "drop" && drop && event.dataTransfer.files.length) upload(event.dataTransfer.files[0]);
    });
  }

  document.addEventListener("submit", (event) => {
    if (event.target.id !== "credentials") return;
    event.preventDefault();
    const given = new FormData(event.target);
    credentials = { api_id: given.get("api_id").trim(), secret: given.get("secret").trim() };
    fetch("/explorer/start", { headers: headers() }).then(async (reply) => {
      if (!reply.ok) {
        credentials = null;
        alarm(detailOf(reply.status, await reply.text()));
        return;
      }
      alarm("");
      find("main").innerHTML = await reply.text();
      htmx.process(find("main"));
      opened();
    }, () => alarm(body.dataset.failed));
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button, dialog");
    if (!button) return;
    if (button.id === "close" || event.target === find("detail")) find("detail").close();
    if (button.dataset.copy) {
      navigator.clipboard.writeText(find(button.dataset.copy).textContent).then(
        () => say(body.dataset.copied),
        () => {
          // Without that permission the text is selected, to be copied by hand.
          getSelection().selectAllChildren(find(button.dataset.copy));
        },
      );
    }
    if (button.dataset.download) {
      fetch(button.dataset.download, { method: "POST", headers: headers() }).then(async (reply) => {
        const text = await reply.text();
        if (reply.ok) location.assign(JSON.parse(text).url);
        else alarm(detailOf(reply.status, text));
      }, () => alarm(body.dataset.failed));
    }
  });

  if (body.dataset.auth === "no") opened();
})();
