"""pkg_config_repository: one cc_library for each system library, asked of pkg-config."""

def _flags(ctx, module):
    answer = ctx.execute(["pkg-config", "--cflags", "--libs", module])
    if answer.return_code != 0:
        fail("pkg-config %s: %s (./run and ./test install what is missing)" % (module, answer.stderr))
    return [flag for flag in answer.stdout.strip().split(" ") if flag]

def _library(ctx, name, module):
    # pkg-config names what a static link would need too; a program loads only what it uses.
    includes, defines, linkopts = [], [], ["-Wl,--as-needed"]
    for flag in _flags(ctx, module):
        if flag.startswith("-I") and flag[2:] not in ("/usr/include", "/usr/include/"):
            link = "include/%s/%d" % (name, len(includes))
            ctx.symlink(flag[2:], link)
            includes.append(link)
        elif flag.startswith("-D"):
            defines.append(flag[2:])
        elif (flag.startswith("-l") and flag != "-lnone") or flag.startswith("-L") or flag.startswith("-Wl,") or flag == "-pthread":
            linkopts.append(flag)
    return "cc_library(name = %r, hdrs = glob(%r), includes = %r, defines = %r, linkopts = %r)" % (
        name,
        [link + "/**/*.h" for link in includes],
        includes,
        defines,
        linkopts,
    )

def _pkg_config_repository(ctx):
    rows = [_library(ctx, name, module) for name, module in ctx.attr.packages.items()]
    ctx.file("BUILD.bazel", 'package(default_visibility = ["//visibility:public"])\n' + "\n".join(rows) + "\n")

pkg_config_repository = repository_rule(
    implementation = _pkg_config_repository,
    attrs = {"packages": attr.string_dict(doc = "label name -> pkg-config module")},
    local = True,
    configure = True,
    environ = ["PKG_CONFIG_PATH"],
)
