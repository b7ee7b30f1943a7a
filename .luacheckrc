std = "lua54+busted"
globals = { "ws", "host" }
max_line_length = 120
files["lualib/meta"] = { ignore = { "131", "212", "241" } } -- signatures use nothing
