"use strict";

throw new Error("This action is built without undici's experimental parser.");
