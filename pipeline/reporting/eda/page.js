"use strict";
document.querySelectorAll("main table").forEach(tables.prepare);
