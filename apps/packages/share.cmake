# What installations have beside programs and headers: man pages, completion in shells, documents, the demo's models.

find_program(HELP2MAN help2man)
set(NESTOR_SHARE ${CMAKE_BINARY_DIR}/share)
file(MAKE_DIRECTORY ${NESTOR_SHARE})

# Optional: whoever builds single targets installs those.
function(nestor_install_share file folder name)
  install(FILES ${NESTOR_SHARE}/${file} RENAME ${name} OPTIONAL COMPONENT tools DESTINATION ${folder})
endfunction()

# By the commands themselves.
set(share_files)
foreach(source IN LISTS commands)
  get_filename_component(name nestor-${source} NAME_WE)
  foreach(shell bash zsh fish)
    add_custom_command(OUTPUT ${NESTOR_SHARE}/${name}.${shell} DEPENDS ${name}
      COMMAND ${name} --completion ${shell} > ${NESTOR_SHARE}/${name}.${shell})
    list(APPEND share_files ${NESTOR_SHARE}/${name}.${shell})
  endforeach()
  nestor_install_share(${name}.bash ${CMAKE_INSTALL_DATADIR}/bash-completion/completions ${name})
  nestor_install_share(${name}.zsh ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions _${name})
  nestor_install_share(${name}.fish ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d ${name}.fish)
  if(HELP2MAN)
    add_custom_command(OUTPUT ${NESTOR_SHARE}/${name}.1.gz DEPENDS ${name} ${CMAKE_SOURCE_DIR}/apps/packages/man_page.sh
      COMMAND ${CMAKE_SOURCE_DIR}/apps/packages/man_page.sh $<TARGET_FILE:${name}> ${PROJECT_VERSION} ${NESTOR_SHARE}/${name}.1.gz)
    list(APPEND share_files ${NESTOR_SHARE}/${name}.1.gz)
    nestor_install_share(${name}.1.gz ${CMAKE_INSTALL_MANDIR}/man1 ${name}.1.gz)
  endif()
endforeach()
add_custom_target(nestor_share ALL DEPENDS ${share_files})

install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT tools)
install(DIRECTORY apps/demo/ DESTINATION ${CMAKE_INSTALL_DATADIR}/nestor/demo COMPONENT tools)
