"""Who is on call: `rota` says who when, `calendars` carries it to other calendars and back. Pure."""
