# Makes one C file of the Lua modules of lualib/, the files of the page of `wsbot inspect`, and what `wsbot help` tells:
#     cmake -DOUT=lualib.c -DROOT=lualib -DMODULES="wsbot/a.lua;wsbot/b.lua" -DPAGE="page/index.html"
#           -DMANUAL="manual/reload.md" -DTYPES="meta/ws.lua" -P embed.cmake
set(arrays "")
set(i 0)

# Adds a file to `arrays`, and to the table of that name under `called`.
function(embed file called table)
  file(READ ${ROOT}/${file} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  set(arrays "${arrays}static const unsigned char file_${i}[] = {${bytes}};\n" PARENT_SCOPE)
  set(${table} "${${table}}    {\"${called}\", (const char *)file_${i}, sizeof file_${i}},\n" PARENT_SCOPE)
  math(EXPR next "${i} + 1")
  set(i ${next} PARENT_SCOPE)
endfunction()

foreach(module IN LISTS MODULES)
  string(REGEX REPLACE "\\.lua$" "" name "${module}")
  string(REPLACE "/" "." name "${name}")
  embed(${module} ${name} modules)
endforeach()
foreach(file IN LISTS PAGE)
  string(REGEX REPLACE "^page/" "" name "${file}")
  embed(${file} ${name} page)
endforeach()
foreach(file IN LISTS MANUAL)
  string(REGEX REPLACE "^manual/(.*)\\.md$" "\\1" name "${file}")
  embed(${file} ${name} manual)
endforeach()
foreach(file IN LISTS TYPES)
  string(REGEX REPLACE "^meta/(.*)\\.lua$" "\\1" name "${file}")
  embed(${file} ${name} types)
endforeach()
file(WRITE ${OUT} "/* Made from lualib/ by embed.cmake. */\n#include \"script/lualib.h\"\n\n${arrays}\n"
     "const struct lualib_module lualib_modules[] = {\n${modules}    {0, 0, 0},\n};\n"
     "const struct lualib_module lualib_page[] = {\n${page}    {0, 0, 0},\n};\n"
     "const struct lualib_module lualib_manual[] = {\n${manual}    {0, 0, 0},\n};\n"
     "const struct lualib_module lualib_types[] = {\n${types}    {0, 0, 0},\n};\n")
